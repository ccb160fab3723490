"""The program's main ways to run, in a few seconds, for each Python."""

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import Run, Start


def test_one_shot_answers_on_stdout(run: Run, server: SseServer) -> None:
    done = run("--base-url", server.base_url, "hello", stdin="from a pipe")
    assert (done.returncode, done.stdout) == (0, "You said: hello\n\nfrom a pipe\n")
    assert done.stderr == ""


def test_a_conversation_is_saved_and_resumed(start: Start, server: SseServer) -> None:
    server.answer("It is **Paris**.")
    chat = start("-S", "smoke").ready()
    chat.say("What is the capital of France?").expect("It is Paris.").ready()
    chat.say("/context").expect("user", "assistant").ready()
    chat.leave()
    again = start("-c").expect("It is Paris.").ready()
    again.say("/temperature 0.5").expect("✓ temperature: 0.5").ready()
    again.say("And of Italy?").expect("You said: And of Italy?")
    assert server.requests[-1].body["temperature"] == 0.5
    assert [message["role"] for message in server.requests[-1].messages] == [
        "user",
        "assistant",
        "user",
    ]
    again.ready().leave()
