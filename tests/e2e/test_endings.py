"""Signals, closed windows and suspending: a clean terminal, nothing lost."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import PROGRAM, Chat, Run, Start, environment_of

CAME = "Words that came, and were shown."


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_a_clean_terminal_and_keeps_what_came(
    start: Start, server: SseServer, number: signal.Signals
) -> None:
    idle = start("-S", "idle").ready()
    idle.say("a question").expect("You said: a question").ready()
    idle.signal(number)
    assert idle.wait_exit() == -number
    assert idle.dirt() == []

    server.answer(CAME + " More.", gate=threading.Event(), gate_after_chars=len(CAME))
    chat = start("-S", "streaming").ready()
    chat.say("tell me").expect(CAME)
    chat.send("a draft")
    chat.expect_draft("a draft")
    chat.signal(number)
    assert chat.wait_exit() == -number
    assert chat.dirt() == []
    assert "Traceback" not in chat.everything()

    again = start("-r", "streaming").expect("tell me", CAME).ready()
    again.send("\x1b[A")
    again.expect_draft("a draft")
    again.send("\x03")
    again.ready().leave()


def test_a_closed_window_ends_the_program_and_keeps_what_came(
    start: Start, run: Run, server: SseServer
) -> None:
    server.answer(CAME + " More.", gate=threading.Event(), gate_after_chars=len(CAME))
    chat = start("-S", "closed").ready()
    chat.say("tell me").expect(CAME)
    chat.hang_up()
    assert chat.process.wait(10) in (-signal.SIGHUP, 0)
    idle = start("-S", "idle").ready()
    idle.hang_up()
    assert idle.process.wait(10) in (-signal.SIGHUP, 0)
    shown = run("-r", "closed", "--export", "-").stdout
    assert '"content": "tell me"' in shown
    assert CAME in shown


def test_control_c_twice_control_d_and_exit_leave_in_mid_answer_too(
    start: Start, server: SseServer
) -> None:
    chat = start().ready()
    chat.send("\x03")
    chat.expect("Ctrl+C again to leave")
    chat.send("\x03")
    assert chat.wait_exit() == 0
    assert chat.dirt() == []
    for way in ("/exit\r", "\x04"):
        server.answer(CAME, gate=threading.Event(), gate_after_chars=10)
        chat = start().ready()
        chat.say("tell me").expect(CAME[:10])
        chat.send(way)
        assert chat.wait_exit() == 0
        assert chat.dirt() == []
        assert server.requests[-1].hung_up.wait(5)


def test_a_suspended_program_gives_the_terminal_back_and_goes_on(
    start_alone: Start, server: SseServer
) -> None:
    gate = threading.Event()
    server.answer(CAME + " And the rest.", gate=gate, gate_after_chars=len(CAME))
    command = " ".join([*PROGRAM, "--base-url", server.base_url])
    shell = start_alone(argv=["/bin/sh", "-i"], env={"PS1": "shell$ "})
    shell.expect("shell$")
    # The interactive shell gives each job a process group, so that Ctrl+Z stops the job alone.
    shell.say(command).expect("new session").ready()
    shell.say("tell me").expect(CAME)
    shell.send("a draft")
    shell.expect_draft("a draft")
    shell.send("\x1a")
    shell.expect("Stopped")
    gate.set()
    shell.say("echo in the $((1+1))nd shell").expect("in the 2nd shell")
    shell.say("fg")
    shell.expect("And the rest.").expect_draft("a draft")
    shell.send("\x15")
    shell.ready()
    shell.send("\x04")
    shell.wait_for(lambda _: shell.prompt_row().startswith("shell$"))
    os.kill(shell.process.pid, signal.SIGKILL)


@pytest.mark.parametrize("way", ["\x03", "/exit\r", "\x04", "SIGTERM"])
def test_a_command_that_waits_for_a_silent_server_can_be_given_up_and_left(
    start: Start, server: SseServer, way: str
) -> None:
    chat = start("-m", "test-model").ready()
    server.silence(to="models")
    chat.say("/models").expect("Esc stops")
    if way == "SIGTERM":
        chat.signal(signal.SIGTERM)
        assert chat.wait_exit() == -signal.SIGTERM
    elif way == "\x03":
        chat.send(way)
        chat.expect("given up").say("hello").expect("You said: hello").ready().leave()
    else:
        chat.send(way)
        assert chat.wait_exit() == 0
    assert chat.dirt() == []


def test_the_line_below_the_prompt_shows_the_tokens_however_long_the_title(
    start: Start,
) -> None:
    chat = start("-m", "a-model-with-a-rather-long-name-indeed", columns=72).ready()
    chat.say("a question that makes quite a long title for a session").expect("You said:")
    chat.wait_for(lambda c: "tokens" in c.text().splitlines()[-1])
    assert len(chat.text().splitlines()[-1]) <= 72
    chat.ready().leave()


_SLOW_TO_LOAD = """
import sys, time
import chatrepl.__main__

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "chatrepl.cli.main":
            print("loading", flush=True)
            time.sleep(20)

sys.meta_path.insert(0, Slow())
chatrepl.__main__.run()
"""


def test_control_c_while_the_program_loads_ends_it_without_a_word(home: Path) -> None:
    with Chat([sys.executable, "-c", _SLOW_TO_LOAD], env=environment_of(home)) as chat:
        chat.expect("loading")
        chat.send("\x03")
        assert chat.wait_exit() == -signal.SIGINT
        assert chat.everything().split() == ["loading", "^C"]


def test_control_c_again_and_again_leaves_as_twice_does(start: Start) -> None:
    chat = start().ready()
    chat.say("hello").expect("You said: hello").ready()
    for _ in range(1000):
        if chat.process.poll() is not None:
            break
        chat.send("\x03")
        time.sleep(0.005)
    assert chat.wait_exit() == 0
    assert "Traceback" not in chat.everything()
