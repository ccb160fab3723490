"""Draw one answer on a terminal without a prompt, for one-shot use."""

import os
import re
import time
from collections.abc import Callable
from typing import TextIO

from chatrepl.core.events import Delta
from chatrepl.core.settings.layers import Settings
from chatrepl.terminal.capabilities import window_size, write_text
from chatrepl.terminal.draw.answer_columns import cut_line
from chatrepl.terminal.draw.event_renderer import EventRenderer
from chatrepl.terminal.draw.layout.cell_width import cell_width

_FRAME_S = 1 / 30
_TAIL_SHARE = 3
"""The tail has a third of the window's rows at most, so that it fits one of half the size, too."""
_SETTLED_S = 1.0
_NARROW_COLUMNS = 30
"""The smallest width to which a window is commonly resized."""
_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


class OneAnswerWriter:
    """A writer of an answer: finished lines once, below them the open tail, repainted.

    ``rewraps``: the terminal wraps its rows anew when it becomes narrower.
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

    def feed(self, piece: Delta) -> None:
        """Draw a further piece of the answer."""
        self._draw(self._view.feed(piece, self._size().columns))

    def finish(self) -> None:
        """Draw the rest of the answer."""
        lines = self._view.finish(self._size().columns)
        write_text(self._stream, self._erasing() + "".join(f"{line}\n" for line in lines))
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
        # Without automatic wrapping: a row with a character that the terminal draws wider is cut.
        write_text(self._stream, erasing + finished + (f"\x1b[?7l{tail}\x1b[?7h" if tail else ""))

    def _open_rows(self, now_s: float) -> list[str]:
        """Return the tail's rows, cut to a narrow width while the window is being resized.

        The window may get its next size while a frame is on its way: narrow rows are not wrapped
        then, and the next frame finds the first of them where it expects it.
        """
        size = self._size()
        rows = self._view.tail(max(1, size.lines // _TAIL_SHARE))
        if size.columns != self._columns:
            self._columns, self._resized_s = size.columns, now_s
        if not self._rewraps or now_s - self._resized_s >= _SETTLED_S:
            return rows
        return [cut_line(row, _NARROW_COLUMNS)[0] for row in rows]

    def _erasing(self) -> str:
        """Return the sequence that erases the tail; its first cell apart, for tmux."""
        rows = len(self._tail)
        if self._rewraps:
            columns = self._size().columns
            cells = (cell_width(_SEQUENCE.sub("", row)) for row in self._tail)
            rows = sum(max(1, -(-used // columns)) for used in cells)
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        return f"\r{up}\x1b[K\x1b[C\x1b[J\x1b[D" if rows else ""

    def _size(self) -> os.terminal_size:
        return window_size(self._stream.fileno())
