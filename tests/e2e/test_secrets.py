"""Keys and conversations: kept from screens, logs and other users."""

from pathlib import Path

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import Run, Start

KEY = "sk-canary-3f9a51c07d2e"
SECRET = "canary-3f9a51c0"


def test_the_key_is_in_no_file_and_on_no_screen(
    start: Start, run: Run, server: SseServer, home: Path
) -> None:
    env = {"OPENAI_API_KEY": f" {KEY}\n"}
    chat = start("-S", "keyed", env=env, rows=50).ready()
    chat.say("hello").expect("You said: hello").ready()
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    message = f"Incorrect API key provided: {KEY}"
    server.error(401, {"error": {"message": message}}, {"x-key": KEY})
    chat.say("again").expect("✗")
    chat.send("\x03")
    server.error(500, f"<html>{KEY}</html>", content_type="text/html")
    server.error(500, f"<html>{KEY}</html>", content_type="text/html")
    server.error(500, f"<html>{KEY}</html>", content_type="text/html")
    for command in ("/info", "/set", "/request", "/response", "/models", "/context", "/history"):
        chat.ready().say(command)
    chat.ready().say("/save relative.json").expect("wrote")
    chat.ready().say(f"/save {home / 'out.json'}").expect_times("wrote", 2).ready()
    chat.leave()
    printed = [
        run("--base-url", server.base_url, *arguments, env=env)
        for arguments in (
            ["-r", "keyed", "--export", "-"],
            ["--dry-run", "x"],
            ["--json", "x"],
            ["--list-models"],
            ["--debug", "x"],
        )
    ]
    assert SECRET.encode() not in bytes(chat.raw)
    assert SECRET not in "".join(done.stdout + done.stderr for done in printed)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {"sessions.db", "history", "relative.json", "out.json"} <= {path.name for path in files}
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_files_are_the_users_alone(start: Start, home: Path) -> None:
    chat = start().ready()
    chat.say("hello").expect("You said: hello").ready()
    chat.leave()
    found = [home / "chatrepl", *(home / "chatrepl").rglob("*")]
    assert len(found) > 2
    assert [path for path in found if path.stat().st_mode & 0o077] == []
