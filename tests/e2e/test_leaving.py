"""Leaving while programs, files or servers are slow: at once."""

import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.terminal.program import Chat, Start

WAYS = {"Ctrl+C twice": ["\x03", "\x03"], "Ctrl+D": ["\x04"], "SIGTERM": []}

_SLOW_KEY = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "300"])
with open(sys.argv[1] + ".new", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.replace(sys.argv[1] + ".new", sys.argv[1])
time.sleep(300)
"""


@pytest.fixture
def pids(home: Path) -> Path:
    """Name the file that the slow command writes its own and its child's process number to."""
    return home / "pids"


@pytest.fixture
def slow_key(home: Path, pids: Path) -> str:
    """Write a command that never prints a key; return it as a line of the configuration."""
    script = home / "slow_key.py"
    script.write_text(_SLOW_KEY)
    return f"api_key_cmd = {shlex.join([sys.executable, str(script), str(pids)])!r}\n"


def leave(chat: Chat, way: str) -> None:
    if way == "SIGTERM":
        chat.signal(signal.SIGTERM)
    for key in WAYS[way]:
        chat.send(key)
    assert chat.wait_exit() == (-signal.SIGTERM if way == "SIGTERM" else 0)
    assert chat.dirt() == []
    assert "Traceback" not in chat.everything()


def write_configuration(home: Path, text: str) -> None:
    (home / "chatrepl").mkdir(exist_ok=True)
    (home / "chatrepl" / "config.toml").write_text(text)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def expect_ended(chat: Chat, pids: Path) -> None:
    numbers = [int(word) for word in pids.read_text().split()]
    chat.wait_until(lambda: not any(map(is_running, numbers)), "the key's command has ended")


@pytest.mark.parametrize("way", WAYS)
def test_leaving_does_not_wait_for_the_key_s_command_and_ends_it_with_its_children(
    start_alone: Start, home: Path, slow_key: str, pids: Path, way: str
) -> None:
    write_configuration(home, slow_key)
    chat = start_alone().ready()
    chat.wait_until(pids.exists, "the key's command runs")
    leave(chat, way)
    expect_ended(chat, pids)


def test_lines_sent_while_the_program_loads_are_in_the_history(
    start_alone: Start, home: Path, slow_key: str, pids: Path
) -> None:
    write_configuration(home, slow_key)
    chat = start_alone().ready()
    chat.wait_until(pids.exists, "the key's command runs")
    chat.say("said too early").send("\x04")
    assert chat.wait_exit() == 0
    write_configuration(home, "")
    again = start_alone().ready()
    again.send("\x1b[A")
    again.expect_draft("said too early")


def test_switching_to_a_profile_whose_key_does_not_come_can_be_given_up(
    start: Start, home: Path, slow_key: str, pids: Path
) -> None:
    write_configuration(home, f"[profiles.slow]\n{slow_key}")
    chat = start("-m", "test-model").ready()
    chat.say("/profile slow").wait_until(pids.exists, "the key's command runs")
    chat.expect("Esc stops").send("\x03")
    chat.expect("given up")
    expect_ended(chat, pids)
    chat.say("hello").expect("You said: hello").ready().leave()


@pytest.mark.parametrize("way", WAYS)
def test_leaving_does_not_wait_for_a_keyring_that_does_not_answer(
    start_alone: Start, home: Path, way: str
) -> None:
    called = home / "called"
    (home / "keyring.py").write_text(
        "import pathlib, time\n"
        f"def get_password(service, name): pathlib.Path({str(called)!r}).touch(); time.sleep(300)\n"
    )
    write_configuration(home, 'api_key_keyring = "service/name"\n')
    path = os.pathsep.join([str(home), str(ROOT)])
    chat = start_alone(env={"PYTHONPATH": path}).ready()
    chat.wait_until(called.exists, "the keyring is asked")
    leave(chat, way)
