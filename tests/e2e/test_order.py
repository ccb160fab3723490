"""Order of commands and their output, beside an answer too."""

import threading

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import MARK, Chat, Start

FIRST_WORDS = {
    "/cost": "│ model",
    "/info": "model  ",
    "/roles": "role  ",
    "/debug": "the log is off",
}


def check_order(chat: Chat, commands: list[str]) -> None:
    """Check that each command's echo is right above its own output, in the order of typing."""
    shown = chat.everything()
    places = [shown.index(f"{MARK} {command}\n") for command in commands]
    assert places == sorted(places)
    for command, place in zip(commands, places, strict=True):
        below = shown[place:].split("\n", 1)[1].lstrip("\n")
        first = below.split("\n")[0]
        assert FIRST_WORDS[command] in first, (command, first)


def test_commands_that_follow_a_slow_one_wait_for_its_end(start: Start, server: SseServer) -> None:
    chat = start("-m", "x", rows=90).ready().expect("/help lists")
    server.silence(to="models")
    chat.say("/models --fresh").expect("Esc stops")
    for command in FIRST_WORDS:
        chat.say(command)
    # They wait as rows above the prompt, and nothing of them is printed yet.
    chat.expect("more")
    assert "the log is off" not in chat.everything()
    chat.send("\x1b")
    chat.expect("given up", "the log is off").settle()
    check_order(chat, list(FIRST_WORDS))
    chat.leave()


def test_commands_typed_fast_while_an_answer_streams_are_shown_one_below_the_other(
    start: Start, server: SseServer
) -> None:
    gate = threading.Event()
    server.answer("One.\n\nTwo.\n\nThree.", gate=gate, gate_after_chars=8)
    chat = start("-m", "x", rows=90).ready().expect("/help lists")
    chat.say("tell me")
    assert server.at_gate.wait(15)
    chat.send("".join(f"{command}\r" for command in FIRST_WORDS))
    chat.expect("the log is off", "translator")
    gate.set()
    chat.expect("Three.").settle()
    check_order(chat, sorted(FIRST_WORDS, key=lambda c: chat.everything().index(f"{MARK} {c}\n")))
    chat.leave()


def test_leaving_waits_for_nothing(start: Start, server: SseServer) -> None:
    chat = start("-m", "x").ready().expect("/help lists")
    server.silence(to="models")
    chat.say("/models --fresh").expect("Esc stops")
    chat.say("/exit")
    assert chat.wait_exit() == 0


def test_a_retry_lets_commands_run_beside_its_answer(start: Start, server: SseServer) -> None:
    gate = threading.Event()
    chat = start("-m", "x", rows=60).ready().expect("/help lists")
    chat.say("hello").expect("You said: hello").settle()
    server.answer("Another answer.", gate=gate, gate_after_chars=4)
    chat.say("/retry")
    assert server.at_gate.wait(15)
    chat.say("/debug").expect("the log is off")
    gate.set()
    chat.expect("Another answer.").settle()
    chat.leave()


def test_waiting_for_a_servers_list_before_an_answer_goes_on_can_be_stopped(
    start: Start, server: SseServer
) -> None:
    chat = start("-m", "x", rows=60).ready().expect("/help lists")
    server.answer("Half an ans", finish_reason="length")
    chat.say("hello").expect("/continue goes on").settle()
    server.silence(to="models")
    chat.say("/continue").expect("Esc stops")
    chat.send("\x1b")
    chat.expect("stopped before it was sent").settle()
    chat.leave()


def test_esc_gives_up_a_slow_command_that_runs_beside_an_answer(
    start: Start, server: SseServer
) -> None:
    gate = threading.Event()
    server.answer("One.\n\nTwo.\n\nThree.", gate=gate, gate_after_chars=8)
    server.silence(to="models")
    chat = start("-m", "x", rows=60).ready().expect("/help lists")
    chat.say("tell me")
    assert server.at_gate.wait(15)
    chat.say("/models --fresh").expect("/models --fresh …")
    gate.set()
    chat.expect("Three.")
    # The answer is over, the command is not.
    chat.settle()
    chat.send("\x1b")
    chat.expect("/models --fresh: given up")
    chat.leave()


def test_esc_stops_an_answer_before_what_runs_beside_it(start: Start, server: SseServer) -> None:
    gate = threading.Event()
    server.answer("One.\n\nTwo.\n\nThree.", gate=gate, gate_after_chars=8)
    server.silence(to="models")
    chat = start("-m", "x", rows=60).ready().expect("/help lists")
    chat.say("tell me")
    assert server.at_gate.wait(15)
    chat.say("/models --fresh").expect("/models --fresh …")
    chat.send("\x1b")
    chat.expect("stopped")
    assert "given up" not in chat.everything()
    chat.send("\x03")
    chat.expect("/models --fresh: given up").settle()
    gate.set()
    assert "Three." not in chat.everything()
    chat.leave()
