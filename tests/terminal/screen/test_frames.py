import json
import random
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.terminal.driven_prompt import DRIVER, MARK, ROOT, Start
from tests.support.terminal.tmux import Tmux, is_there

NUMBER = re.compile(r"<(\d{5})>")


def numbers(text: str) -> list[int]:
    return [int(number) for number in NUMBER.findall(text)]


def test_lines_printed_during_a_flood_appear_once_and_in_order(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("flood 400\r")
    terminal.wait_for("<flood over>", 30)
    assert numbers(terminal.everything()) == list(range(400))
    assert "tail" not in terminal.everything()


def test_lines_handed_over_at_once_appear_once_and_in_order(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("burst 3000\r")
    terminal.wait_for("<burst over>")
    assert numbers(terminal.everything()) == list(range(3000))


def test_keys_typed_during_a_flood_on_a_slow_terminal_all_count(start: Start) -> None:
    terminal = start(settings={"unstoppable": True, "echo": False}, read_rate=100_000)
    terminal.wait_prompt()
    terminal.send("flood 100000\r")
    terminal.wait_for("<00050>")
    for number in range(100):
        terminal.send(f"line {number}\r")
        if number % 10 == 9:
            terminal.send("\x03")
        time.sleep(0.01)
    terminal.wait_for(lambda _: len(terminal.submitted()) == 101, 30)
    assert terminal.submitted()[1:] == [f"line {number}" for number in range(100)]
    terminal.wait_for(lambda _: len(terminal.calls("stop")) == 10)
    assert "^C" not in terminal.everything()
    shown = numbers(terminal.everything())
    assert shown == list(range(len(shown)))


def test_a_draft_survives_a_flood(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("flood 300 60 0.002\r")
    terminal.wait_for("<00010>")
    for character in "my next message":
        terminal.send(character)
        time.sleep(0.01)
    terminal.wait_for("<flood over>")
    terminal.wait_for(MARK + " my next message")


def test_everything_printed_is_there_when_the_session_ends(start: Start) -> None:
    terminal = start(read_rate=200_000).wait_prompt()
    terminal.send("burst 2000\r")
    terminal.wait_for("<00020>")
    terminal.send("\x04")
    assert terminal.wait_exit(30) == 0
    assert numbers(terminal.everything()) == list(range(2000))
    assert terminal.dirt() == []


def test_the_tail_is_cut_so_that_half_a_window_still_has_room_for_it(start: Start) -> None:
    terminal = start(rows=24).wait_prompt()
    terminal.send("tail 30\r")
    terminal.wait_for("tail 29").wait_until_quiet()
    rows = terminal.text().splitlines()
    assert len(rows) == 24 // 3 + 2
    assert rows[-3].startswith("tail 29")
    assert rows[-2] == MARK
    assert "tail" not in "\n".join(terminal.scrollback())


def test_the_tail_is_kept_low_while_sizes_follow_each_other(start: Start) -> None:
    terminal = start(rows=24).wait_prompt()
    terminal.send("tail 30\r")
    terminal.wait_for("tail 29").wait_until_quiet()
    terminal.resize(40, 100)
    terminal.wait_for(lambda _: terminal.calls("resize"))
    terminal.wait_for(lambda _: "tail 26" not in terminal.text())
    terminal.wait_for(lambda _: "tail 17" in terminal.text())
    assert "tail" not in "\n".join(terminal.scrollback())


def test_status_and_queued_messages_are_rows_above_the_line(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("busy\rqueue one two three four five\r")
    terminal.wait_for("waiting")
    terminal.wait_for("2 more").wait_until_quiet()
    rows = terminal.text().splitlines()
    assert rows[-7:-1] == [
        f"  {MARK} one",
        f"  {MARK} two",
        f"  {MARK} three",
        "    … 2 more",
        "waiting",
        MARK,
    ]


def test_a_long_toolbar_does_not_wrap(start: Start) -> None:
    terminal = start(settings={"toolbar": "東京" * 60}, columns=41).wait_prompt()
    terminal.wait_for("東").wait_until_quiet()
    assert len(terminal.text().splitlines()) == 2


@pytest.mark.parametrize("mode", ["columns", "rows", "both"])
def test_resizing_during_a_flood_loses_and_repeats_nothing(start: Start, mode: str) -> None:
    terminal = start().wait_prompt()
    terminal.send("flood 300 20 0.002\r")
    chance = random.Random(5)
    for _ in range(20):
        rows = 24 if mode == "columns" else chance.randint(14, 40)
        columns = 80 if mode == "rows" else chance.randint(30, 120)
        terminal.resize(rows, columns)
        time.sleep(0.12)
    terminal.wait_for("<flood over>", 30)
    assert numbers(terminal.everything()) == list(range(300))
    assert "tail" not in terminal.everything()


def test_a_storm_of_sizes_ends_at_the_last_one(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("flood 400 10 0.002\r")
    for number in range(200):
        terminal.resize(24, number % 200 + 1)
        time.sleep(0.003)
    terminal.resize(24, 60)
    terminal.wait_for("<flood over>")
    terminal.send("still here\r")
    terminal.wait_for("<submit 'still here'>").wait_until_quiet()
    assert terminal.text().splitlines()[-2:] == [MARK, "toolbar · model · 12 of 8,192 tokens"]


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_tiny_windows_work(start: Start, rows: int, columns: int) -> None:
    terminal = start(rows=rows, columns=columns, settings={"echo": False})
    # No screen of this size shows when the prompt is there: the program writes, and then is quiet.
    terminal.wait_for(lambda _: b"\x1b[?2026l" in terminal.raw).wait_until_quiet()
    terminal.send("busy\rtail 5\rabc def\n" + "ghi\r/h\t\x03\x1b\x12x\x03\x03")
    terminal.wait_call("submit", "abc def\nghi")
    terminal.send("\x03")
    terminal.settle()
    terminal.send("\x03\x03\x04")
    assert terminal.wait_exit() == 0
    assert terminal.dirt() == []


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "calls.jsonl"


@pytest.fixture
def tmux(tmp_path: Path, log_file: Path) -> Iterator[Tmux]:
    if not is_there():
        pytest.skip("tmux is not installed")
    env = {
        "PYTHONPATH": str(ROOT),
        "DRIVER_LOG": str(log_file),
        "DRIVER": json.dumps({"echo": False}),
    }
    with Tmux(tmp_path, [sys.executable, DRIVER], env=env) as window:
        window.wait_for("toolbar")
        # Where the screen is empty below, tmux scrolls rows off when it wraps them.
        window.send("burst 60 30")
        window.wait_for("<burst over>")
        yield window


def resize_and_pause(tmux: Tmux, log_file: Path, rows: int, columns: int) -> None:
    """Change the window's size; the pause begins when the program has heard of it."""
    tmux.resize(rows, columns)
    heard = json.dumps(["resize", [columns, rows]])
    deadline = time.monotonic() + 20
    while not log_file.read_text().rstrip().endswith(heard):
        assert time.monotonic() < deadline, f"the program did not hear of {rows} x {columns}"
        time.sleep(0.01)
    time.sleep(0.35)


def numbers_of_stream(tmux: Tmux, count: int) -> list[int]:
    """Return the numbers that a stream of ``count`` has shown; each is there, once or more."""
    tmux.wait_for("<stream over>", 60)
    shown = numbers(tmux.everything().partition("<burst over>")[2])
    assert sorted(set(shown)) == list(range(count))
    return shown


def test_resizing_in_tmux_loses_and_repeats_nothing(tmux: Tmux, log_file: Path) -> None:
    tmux.send("stream 600")
    tmux.wait_for("<00010>")
    chance = random.Random(7)
    for _ in range(20):
        resize_and_pause(tmux, log_file, chance.randint(14, 40), chance.randint(30, 120))
    assert len(numbers_of_stream(tmux, 600)) == 600


def test_resizing_fast_in_tmux_loses_nothing(tmux: Tmux) -> None:
    tmux.send("stream 500")
    chance = random.Random(7)
    for _ in range(20):
        tmux.resize(chance.randint(14, 40), chance.randint(30, 120))
        time.sleep(0.05)
    # Sizes that follow each other faster than tmux tells them may leave a row behind.
    assert len(numbers_of_stream(tmux, 500)) <= 520


def test_an_idle_prompt_leaves_nothing_behind_when_tmux_is_resized(
    tmux: Tmux, log_file: Path
) -> None:
    tmux.type("a draft that is long enough to be wrapped when the window becomes narrow")
    tmux.wait_for("narrow")
    for columns in (40, 33, 100, 50, 80):
        resize_and_pause(tmux, log_file, 24, columns)
    below = tmux.everything().partition("<burst over>")[2]
    assert below.strip().splitlines() == [
        f"{MARK} a draft that is long enough to be wrapped when the window becomes narrow",
        "toolbar · model · 12 of 8,192 tokens",
    ]
    assert numbers(tmux.everything()) == list(range(60))


@pytest.mark.process
@pytest.mark.parametrize("ending", ["C-d", "C-z"])
def test_no_answer_of_the_terminal_ends_up_in_the_shell(tmp_path: Path, ending: str) -> None:
    if not is_there():
        pytest.skip("tmux is not installed")
    env = {"PYTHONPATH": str(ROOT), "DRIVER_LOG": str(tmp_path / "calls"), "PS1": "shell> "}
    with Tmux(tmp_path, ["bash", "--norc", "--noprofile", "-i"], env=env) as window:
        window.wait_for("shell>")
        for turn in range(3):
            window.send(f"({sys.executable} {DRIVER}); echo left {turn}" if not turn else "fg")
            window.wait_for("toolbar")
            if not turn:
                window.send("stream 10000")
                window.wait_for("<00010>")
            time.sleep(0.2)
            window.call("send-keys", ending)
            if ending == "C-d":
                break
            window.wait_for("Stopped")
            time.sleep(0.3)
        time.sleep(0.5)
        window.send("echo the end")
        window.wait_for("\nthe end")
        after = window.everything().rpartition("left 0" if ending == "C-d" else "Stopped")[2]
        assert "8;" not in after
        assert "shell> echo the end" in after
