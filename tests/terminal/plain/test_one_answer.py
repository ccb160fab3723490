"""One answer drawn straight to a terminal whose size changes."""

import io
import os
import re
import termios

import pytest

from chatrepl.core.events import TextDelta
from chatrepl.core.settings.layers import Settings
from chatrepl.terminal.draw.event_renderer import EventRenderer
from chatrepl.terminal.plain.one_answer import OneAnswerWriter

OPEN_ROW = re.compile(r"\x1b\[\?7l(.*?)\x1b\[\?7h", re.DOTALL)


class Screen(io.StringIO):
    """A stream that keeps the last tail that was written; its window is a real one."""

    encoding = "utf-8"

    def __init__(self) -> None:
        super().__init__()
        self._ends = os.openpty()
        self.resize(80)

    def fileno(self) -> int:
        return self._ends[1]

    def resize(self, columns: int) -> None:
        termios.tcsetwinsize(self._ends[1], (24, columns))

    def close(self) -> None:
        for end in self._ends:
            os.close(end)
        super().close()

    def open_text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", OPEN_ROW.findall(self.getvalue())[-1])


TEXT = "twelve cells twelve cells no more than"


@pytest.mark.parametrize(("rewraps", "cells"), [(True, 30), (False, len(TEXT))])
def test_the_tail_is_narrow_while_a_rewrapping_terminal_changes_its_size(
    monkeypatch: pytest.MonkeyPatch, rewraps: bool, cells: int
) -> None:
    # A program that uses readline leaves them to what it starts.
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "80")
    now_s = 100.0
    screen = Screen()
    drawing = EventRenderer(
        {"TERM": "tmux-256color"}, is_terminal=True, encoding="utf-8", no_color=True
    )
    writer = OneAnswerWriter(screen, drawing, Settings(), rewraps=rewraps, clock=lambda: now_s)
    writer.feed(TextDelta(TEXT[:20]))
    screen.resize(100)
    now_s += 0.1
    writer.feed(TextDelta(TEXT[20:]))
    assert screen.open_text() == TEXT[:cells]
    now_s += 2
    writer.feed(TextDelta(" this"))
    assert screen.open_text() == f"{TEXT} this"
