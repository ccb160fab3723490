"""Wrong input and failing servers: one clear line each, and nothing lost."""

import socket
from pathlib import Path

import pytest

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import Run, Start


def posts(server: SseServer) -> int:
    return sum(request.method == "POST" for request in server.requests)


def test_wrong_commands_and_values_are_explained_and_never_sent(
    start: Start, server: SseServer
) -> None:
    chat = start(rows=60).ready()
    for line, said in (
        ("/temperatur 0.5x", "“0.5x” is not a number between 0 and 2"),
        ("/tempratur 1", "did you mean /temperature"),
        ("/nonsense of mine", "there is no command /nonsense"),
        ("/temperature 9", "“9” is not a number between 0 and 2"),
        ("/top_p much", "“much” is not a number between 0 and 1"),
        ("/max_tokens -5", "“-5” is not a whole number of at least 1"),
        ("/seed 1.5", "“1.5” is not a whole number"),
        ("/budget many", "“many” is not a whole number of at least 1"),
        ("/set nothing 1", "there is no setting “nothing”"),
        ("/load no such session", "there is no session “no such session”"),
        ("/undo", "nothing to undo"),
        ("/retry", "no message to answer again"),
        ("/export", "/export wants a file"),
    ):
        chat.say(line)
        chat.wait_for(lambda c: said in c.everything().split(line, 1)[-1])  # noqa: B023
        chat.ready()
    assert posts(server) == 0
    assert "Traceback" not in chat.everything()
    chat.say("//not a command").expect("You said: /not a command")
    chat.say("/usr/bin/env is a path").expect("You said: /usr/bin/env")
    assert posts(server) == 2
    chat.ready().leave()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("bad key", "key"),
        ("html", "sign-in page"),
        ("empty", "empty"),
        ("json error", "overloaded"),
        ("closed", "closed"),
    ],
)
def test_a_server_that_fails_gives_the_text_back(
    start: Start, server: SseServer, kind: str, said: str
) -> None:
    match kind:
        case "bad key":
            server.error(401, {"error": {"message": "Incorrect API key provided"}})
        case "html":
            server.raw(b"<html><title>Log in</title></html>", "text/html")
        case "empty":
            server.raw(b"")
        case "json error":
            server.error(400, {"error": {"message": "we are overloaded"}})
        case _:
            # A server that closes once is asked again by itself.
            for _ in range(3):
                server.silence("cut")
    chat = start().ready()
    chat.say("my question").expect("✗")
    chat.expect_draft("my question")
    assert said.lower() in chat.everything().lower()
    assert "Traceback" not in chat.everything()
    chat.send("\r")
    chat.expect("You said: my question").ready()
    assert [m["content"] for m in server.requests[-1].messages] == ["my question"]
    chat.leave()


def test_a_stream_that_is_cut_keeps_what_came_and_says_so(start: Start, server: SseServer) -> None:
    server.answer("Half of an answer, and more of it.", cut_after_bytes=900, ending="reset")
    chat = start("-S", "cut").ready()
    chat.say("go on").expect("Half", "cut off").ready()
    assert chat.everything().count("Half") == 1
    chat.say("/history").expect_times("Half", 2).expect_times("cut off", 2).ready()
    chat.leave()
    start("-r", "cut").expect("Half", "cut off").ready().leave()


def test_no_server_at_the_address_is_one_line_and_the_text_comes_back(start_alone: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    chat = start_alone("--base-url", f"http://127.0.0.1:{port}/v1", "-m", "m").ready()
    chat.say("my question").expect("✗", "refused", str(port))
    chat.expect_draft("my question")
    chat.send("\x03")
    chat.ready().leave()


def test_a_wrong_configuration_names_file_line_and_the_nearest_key(run: Run, home: Path) -> None:
    file = home / "chatrepl" / "config.toml"
    file.parent.mkdir(mode=0o700)
    for text, line, said in (
        ('model = "m"\ntemprature = 1\n', 2, "did you mean temperature"),
        ('model = "m"\n\ntemperature = 7\n', 3, "between 0 and 2"),
        ("[profiles.one]\nbase_ur = 'x'\n", 2, "did you mean base_url"),
        ("model = \n", 1, "TOML"),
        ('api_key = "sk-canary-99"\n', 1, "keys don't belong in this file"),
    ):
        file.write_text(text)
        done = run("hello")
        assert (done.returncode, done.stdout) == (2, ""), text
        assert str(file) in done.stderr
        assert f"line {line}" in done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert "canary" not in done.stderr


def test_the_built_in_model_is_offered_without_key_or_server(start_alone: Start, run: Run) -> None:
    chat = start_alone().expect("No key and no server.", "built-in demo model")
    chat.send("n")
    chat.expect("there is no server to talk to yet", "/local").ready()
    chat.say("hello").expect("✗")
    chat.expect_draft("hello")
    chat.send("\x03")
    chat.ready().leave()
    done = run("hello")
    assert done.returncode == 2
    assert "set OPENAI_API_KEY, --base-url or --local" in done.stderr
    assert "--list-roles" in run("-R", "nosuch", "hello").stderr
