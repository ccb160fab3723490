"""Thousands of marked lines of every kind, each shown once."""

import random
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.marked import Marks, find_marks, marked_answer
from tests.support.terminal.program import PROGRAM, Start, environment_of
from tests.support.terminal.tmux import Tmux, is_there

LINES = 2000
END = "and that was all of it"
ALL_THERE = Marks([], {}, [])


def answer_paced(server: SseServer, text: str, seconds: float) -> None:
    """Stream a text, one delta in five milliseconds."""
    chunk = max(1, round(len(text) / (seconds / 0.005)))
    server.answer(f"{text}\n{END}\n", chunk_chars=chunk, delay_s=0.005)


def test_each_line_is_shown_once(start: Start, server: SseServer) -> None:
    text = marked_answer(LINES)
    server.answer(f"{text}\n{END}\n")
    chat = start(rows=24, columns=80).ready()
    chat.say("go").expect(END, timeout_s=60).ready()
    assert find_marks(text, chat.everything()) == ALL_THERE


def test_each_line_is_shown_once_while_the_window_changes(start: Start, server: SseServer) -> None:
    text = marked_answer(LINES)
    answer_paced(server, text, 8)
    chat = start(rows=24, columns=80).ready()
    chat.say("go").expect("q00020")
    chance = random.Random(1)
    for _ in range(20):
        # A row that is cut takes what was in it along: the marks are at the left.
        chat.resize(chance.randint(16, 40), chance.randint(30, 120))
        time.sleep(0.35)
    assert END not in chat.everything()
    chat.expect(END, timeout_s=60).ready()
    assert find_marks(text, chat.everything()) == ALL_THERE


def test_the_tail_is_drawn_at_the_new_width_while_no_delta_comes(
    start: Start, server: SseServer
) -> None:
    gate = threading.Event()
    text = "**open " + "word " * 40
    server.answer(f"{text}**\n\n{END}", gate=gate, gate_after_chars=len(text))
    chat = start(rows=30, columns=120).ready()
    chat.say("go").wait_for(lambda _: chat.text().count("word") == 40)
    chat.resize(30, 60)
    chat.wait_until_quiet(1.5)
    assert chat.text().count("word") == 40
    gate.set()
    chat.expect(END)
    assert chat.everything().count("word") == 40


@pytest.fixture
def tmux(home: Path, server: SseServer) -> Iterator[Tmux]:
    if not is_there():
        pytest.skip("tmux is not installed")
    env = environment_of(home)
    with Tmux(home, [*PROGRAM, "--base-url", server.base_url], env=env) as window:
        window.wait_for("leaves")
        yield window


@pytest.mark.parametrize("pause_s", [0.35, 0.05])
def test_each_line_is_shown_once_while_tmux_wraps_anew(
    tmux: Tmux, server: SseServer, pause_s: float
) -> None:
    text = marked_answer(LINES, both_ends=True)
    answer_paced(server, text, 9 if pause_s > 0.3 else 5)
    tmux.send("go")
    tmux.wait_for("q00020")
    chance = random.Random(1)
    for _ in range(20):
        tmux.resize(chance.randint(16, 40), chance.randint(30, 120))
        time.sleep(pause_s)
    assert END not in tmux.everything()
    tmux.wait_for(END, 60)
    time.sleep(0.5)
    marks = find_marks(text, tmux.everything())
    assert (marks.lost, marks.invented) == ([], [])
    # In a storm a row may stay that had scrolled off before it was known how a frame was taken.
    assert len(marks.repeated) <= (0 if pause_s > 0.3 else 20)


def test_joined_emoji_in_what_is_open_cost_no_finished_line_in_tmux(
    tmux: Tmux, server: SseServer
) -> None:
    gate = threading.Event()
    finished = "\n\n".join(f"finished {number:02}" for number in range(12))
    text = f"{finished}\n\n**open " + "word 👩\u200d👧 " * 60
    server.answer(f"{text}**\n\n{END}", gate=gate, gate_after_chars=len(text))
    tmux.resize(30, 100)
    tmux.send("go")
    tmux.wait_for("finished 11")
    time.sleep(1)
    # The rows are as long as the window is wide, or shorter: terminals show such emoji differently.
    tmux.resize(30, 98)
    time.sleep(1)
    gate.set()
    tmux.wait_for(END)
    shown = tmux.everything()
    assert [shown.count(f"finished {number:02}") for number in range(12)] == [1] * 12
    assert shown.count("word") >= 60


def test_code_that_wraps_within_a_wide_character_is_kept_when_the_window_widens_in_tmux(
    tmux: Tmux, server: SseServer
) -> None:
    # tmux 3.3 moves the cursor up then, even where blank rows are left below the region.
    lines = [f"q{number:02} " + "print('中文', value)  # more " * 5 for number in range(30)]
    code = "\n".join(lines)
    server.answer(f"```python\n{code}\n```\n\n{END}\n")
    tmux.resize(28, 34)
    tmux.send("go")
    tmux.wait_for(END)
    tmux.type("a draft that takes more than one row, or even more than two of them")
    time.sleep(0.5)
    tmux.call("send-keys", "C-u")
    time.sleep(0.5)
    tmux.resize(26, 103)
    time.sleep(1)
    shown = tmux.everything()
    assert [shown.count(f"q{number:02}") for number in range(30)] == [1] * 30
    assert shown.count(END) == 1


def test_a_draft_of_several_rows_costs_no_finished_line_in_tmux(
    tmux: Tmux, server: SseServer
) -> None:
    finished = "\n\n".join(f"finished {number:02}" for number in range(12))
    server.answer(f"{finished}\n\n{END}")
    tmux.resize(30, 100)
    tmux.send("go")
    tmux.wait_for(END)
    tmux.type("draft " * 60)
    time.sleep(0.5)
    for columns in (60, 90, 45):
        tmux.resize(30, columns)
        time.sleep(0.7)
    shown = tmux.everything()
    assert [shown.count(f"finished {number:02}") for number in range(12)] == [1] * 12
    assert shown.count(END) == 1
    assert len(re.findall(r"d\s*r\s*a\s*f\s*t", shown)) == 60


def test_a_question_on_the_command_line_is_answered_once_while_tmux_wraps_anew(
    home: Path, server: SseServer
) -> None:
    if not is_there():
        pytest.skip("tmux is not installed")
    text = marked_answer(600, both_ends=True)
    answer_paced(server, text, 4)
    argv = [*PROGRAM, "--base-url", server.base_url, "go"]
    shell = ["sh", "-c", '"$@"; sleep 60', "sh", *argv]
    # As what a program with readline starts has it: the window has another size soon.
    stale = {"COLUMNS": "80", "LINES": "24"}
    with Tmux(home, shell, env=environment_of(home, stale)) as window:
        window.wait_for("q00020")
        for columns in (60, 40, 100, 50, 80):
            window.resize(24, columns)
            time.sleep(0.4)
        window.wait_for(END, 60)
        marks = find_marks(text, window.everything())
    assert (marks.lost, marks.invented) == ([], [])
    # tmux wraps its rows first and tells of it a moment later: a row that came in between may stay.
    assert len(marks.repeated) <= 2
