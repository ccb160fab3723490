"""Draw one answer straight to a terminal that has no prompt: for one-shot use."""

import os
import re
import time
from collections.abc import Callable
from typing import TextIO

from chatrepl.core.events import ReasoningDelta, RefusalDelta, TextDelta
from chatrepl.core.settings.layers import Settings
from chatrepl.terminal.capabilities import window_size
from chatrepl.terminal.draw.answer_columns import cut_line
from chatrepl.terminal.draw.event_renderer import EventRenderer
from chatrepl.terminal.draw.layout.cell_width import cell_width

__all__ = ["OneAnswerWriter"]

_FRAME_S = 1 / 30
_TAIL_SHARE = 3
"""The tail is so small a part of the window that it fits one of half the size, too."""
_SETTLED_S = 1.0
_NARROW_COLUMNS = 30
"""The width that a window may suddenly get; narrower ones are rare."""
_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


class OneAnswerWriter:
    """Writes finished lines once, and repaints the open tail below them.

    ``rewraps`` says that the terminal wraps its rows anew when it becomes narrower.
    """

    def __init__(
        self,
        stream: TextIO,
        drawing: EventRenderer,
        settings: Settings,
        *,
        rewraps: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._view = drawing.answer(settings, self._size().columns)
        self._tail: list[str] = []
        self._rewraps = rewraps
        self._painted_s = 0.0
        self._columns = self._size().columns
        self._resized_s = -_SETTLED_S

    def feed(self, text: str) -> None:
        """Draw a further piece of the answer."""
        self._draw(self._view.feed(TextDelta(text), self._size().columns))

    def feed_reasoning(self, text: str) -> None:
        """Draw a further piece of the model's thinking."""
        self._draw(self._view.feed(ReasoningDelta(text), self._size().columns))

    def feed_refusal(self, text: str) -> None:
        """Draw a further piece of a refusal, under a line that says what it is."""
        self._draw(self._view.feed(RefusalDelta(text), self._size().columns))

    def finish(self) -> None:
        """Draw the rest."""
        lines = self._view.finish(self._size().columns)
        self._write(self._erasing() + "".join(f"{line}\n" for line in lines))
        self._tail = []

    def _draw(self, lines: list[str]) -> None:
        now_s = self._clock()
        if not lines and now_s - self._painted_s < _FRAME_S:
            return
        self._painted_s = now_s
        erasing = self._erasing()
        self._tail = self._open_rows(now_s)
        finished = "".join(f"{line}\n" for line in lines)
        tail = "\n".join(self._tail)
        # Where the terminal takes a character for wider than it is, its row is cut, not wrapped.
        self._write(erasing + finished + (f"\x1b[?7l{tail}\x1b[?7h" if tail else ""))

    def _open_rows(self, now_s: float) -> list[str]:
        """Give the tail; narrow rows while sizes follow each other.

        A window may get its next size while a frame is on its way: rows that are narrow are not
        wrapped then, and the next frame finds their first one where it is looked for.
        """
        size = self._size()
        rows = self._view.tail(max(1, size.lines // _TAIL_SHARE))
        if size.columns != self._columns:
            self._columns, self._resized_s = size.columns, now_s
        if not self._rewraps or now_s - self._resized_s >= _SETTLED_S:
            return rows
        return [cut_line(row, _NARROW_COLUMNS)[0] for row in rows]

    def _erasing(self) -> str:
        """Go to the first row of the tail, erase from there; the first cell apart (for tmux)."""
        rows = len(self._tail)
        if self._rewraps:
            columns = self._size().columns
            cells = (cell_width(_SEQUENCE.sub("", row)) for row in self._tail)
            rows = sum(max(1, -(-used // columns)) for used in cells)
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        return f"\r{up}\x1b[K\x1b[C\x1b[J\x1b[D" if rows else ""

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()

    def _size(self) -> os.terminal_size:
        return window_size(self._stream.fileno())
