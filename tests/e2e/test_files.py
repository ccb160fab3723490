"""Files in a real conversation: named in a message, by option, written out."""

import base64
from pathlib import Path

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import Run, Start

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_a_path_is_completed_attached_told_and_named_in_the_history(
    start: Start, server: SseServer, tmp_path: Path
) -> None:
    (tmp_path / "report.md").write_text("# Total\n\n42\n", "utf-8")
    chat = start(rows=40, cwd=tmp_path).ready()
    chat.expect("/help lists").send("read @rep\t")
    chat.expect_draft("read @report.md")
    chat.send("\r")
    chat.expect("attached report.md: 12 bytes", "You said: read @report.md").ready()
    sent = server.requests[-1].messages[-1]["content"]
    assert sent == "read @report.md\n\nreport.md:\n```md\n# Total\n\n42\n```"
    chat.say("write to me@report.md about @nothing.md").expect("You said: write").ready()
    assert server.requests[-1].messages[-1]["content"] == "write to me@report.md about @nothing.md"
    chat.say("/context").expect("+report.md (").ready()
    chat.say("/history").expect("attached report.md\n").ready()
    chat.say("/write out.md").expect("wrote the last answer to").ready()
    assert (tmp_path / "out.md").read_text("utf-8").startswith("You said: write to me@")
    chat.say("/write out.md").expect("replace it?")
    chat.send("n")
    chat.expect("stays as it is").ready()
    chat.leave()


def test_files_and_images_given_by_option_go_with_the_message(
    run: Run, server: SseServer, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("alpha", "utf-8")
    (tmp_path / "dot.png").write_bytes(PIXEL)
    files = ["-f", str(tmp_path / "a.txt"), "--file", str(tmp_path / "dot.png")]
    done = run("--base-url", server.base_url, *files, "what?")
    assert (done.returncode, done.stderr) == (0, "")
    text, image = server.requests[-1].messages[-1]["content"]
    assert text["text"] == f"what?\n\n{tmp_path}/a.txt:\n```txt\nalpha\n```"
    assert base64.b64decode(image["image_url"]["url"].partition(",")[2]) == PIXEL
    done = run("--base-url", server.base_url, "-f", "/nowhere", "what?")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot read /nowhere" in done.stderr
