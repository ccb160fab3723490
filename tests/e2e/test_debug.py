"""The debug log of a real run: requests and statuses, no words."""

from pathlib import Path

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import Run, Start


def test_the_log_has_requests_statuses_and_refusals_but_no_words(
    start: Start, server: SseServer, home: Path
) -> None:
    chat = start("-m", "test-model", "-t", "0.5", rows=50).ready()
    chat.say("/debug").expect("the log is off").ready()
    chat.say("unlogged").expect("You said: unlogged").ready()
    chat.say("/debug on").expect("a log is written to").ready()
    refusal = {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}
    server.error(400, {"error": refusal | {"code": "unsupported_parameter"}})
    server.answer("secret answer")
    chat.say("secret question").expect("secret answer").ready()
    chat.say("/debug off").expect("the log is off").ready()
    chat.leave()
    text = (home / "chatrepl" / "debug.log").read_text("utf-8")
    assert "/v1/chat/completions: 400" in text
    assert "/v1/chat/completions: 200" in text
    assert "parameter refused" in text
    assert "'temperature': 0.5" in text
    assert "choice 0 finished: stop" in text
    assert "whole; first text" in text
    assert "secret" not in text
    assert "authorization" not in text.lower()


def test_the_option_says_where_the_log_is(run: Run, server: SseServer, home: Path) -> None:
    done = run("--base-url", server.base_url, "--debug", "hello")
    log = home / "chatrepl" / "debug.log"
    assert (done.returncode, done.stdout) == (0, "You said: hello\n")
    assert done.stderr == f"chatrepl: a log is written to {log}\n"
    assert "hello" not in log.read_text("utf-8")
    assert run("--base-url", server.base_url, "--debug", "--quiet", "hello").stderr == ""
