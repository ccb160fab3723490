"""Paint a growing answer: finished lines once, the open tail at a bounded rate.

The rate falls with the cost of a frame, and nothing is painted while the terminal is behind.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chatrepl.core.events import Delta, join_deltas

if TYPE_CHECKING:
    from chatrepl.terminal.draw.answer_columns import AnswerColumns
    from chatrepl.terminal.draw.answer_view import AnswerView
    from chatrepl.terminal.prompt.prompt import LivePrompt


_FRAME_S = 1 / 30
_MAXIMUM_SHARE = 0.5
"""Share of the time that painting may take; the rest is for reading and keys."""


class AnswerPainter:
    """A buffer of an answer's pieces; a task draws all new ones at once, frame by frame."""

    def __init__(self, prompt: "LivePrompt", on_error: Callable[[Exception], None]) -> None:
        self._prompt = prompt
        self._on_error = on_error
        self._view: AnswerView | AnswerColumns | None = None
        self._pieces: list[Delta] = []
        self._dirty = asyncio.Event()
        self._last_line = ""

    def begin(self, view: "AnswerView | AnswerColumns") -> None:
        """Draw what follows as a new answer."""
        self.end()
        self._view = view

    def add(self, piece: Delta) -> None:
        """Buffer a piece for the next frame."""
        self._pieces.append(piece)
        self._dirty.set()

    def print(self, lines: Sequence[str]) -> None:
        """Write finished lines below the answer's finished lines."""
        self.paint()
        self._write(lines)

    def gap(self) -> None:
        """Write an empty line, unless the last one is empty."""
        self.paint()
        if self._last_line:
            self._write([""])

    def _write(self, lines: Sequence[str]) -> None:
        if lines:
            self._last_line = lines[-1]
            self._prompt.print(lines)

    def end(self) -> None:
        """Draw the rest of the answer: all of it is finished now."""
        self._feed_view()
        view, self._view = self._view, None
        if view is not None:
            self._prompt.show_tail(())
            self._write(view.finish(self._prompt.columns))

    def end_column(self, index: int, lines: Sequence[str]) -> bool:
        """End one of the answers in columns with lines below it; return whether it is the last."""
        from chatrepl.terminal.draw.answer_columns import AnswerColumns

        self.paint()
        view = self._view
        if not isinstance(view, AnswerColumns):
            return True
        self._write(view.end(index, lines, self._prompt.columns))
        self._show_tail(view)
        if view.is_over:
            self.end()
        return view.is_over

    async def run(self) -> None:
        """Paint whenever a piece came, until cancelled."""
        while True:
            await self._dirty.wait()
            await self._prompt.ready()
            begun_s = time.monotonic()
            try:
                self.paint()
            except Exception as error:  # noqa: BLE001 - it must not end the drawing of others
                self._view = None
                self._pieces.clear()
                self._prompt.show_tail(())
                self._on_error(error)
            # A slow frame is followed by as long a pause, in which keys are handled.
            spent_s = time.monotonic() - begun_s
            await asyncio.sleep(max(_FRAME_S - spent_s, spent_s * (1 / _MAXIMUM_SHARE - 1)))

    def resized(self) -> None:
        """Draw the open answer for the window's new width."""
        if self._view is not None:
            self._view.resize(self._prompt.columns)
            self._show_tail(self._view)

    def paint(self) -> None:
        """Draw all buffered pieces."""
        if self._feed_view() and self._view is not None:
            self._show_tail(self._view)

    def _show_tail(self, view: "AnswerView | AnswerColumns") -> None:
        self._prompt.show_tail(view.tail(self._prompt.tail_room))

    def _feed_view(self) -> bool:
        """Write the lines that the buffered pieces finish; return whether there was a piece."""
        self._dirty.clear()
        pieces, self._pieces = self._pieces, []
        if not pieces or self._view is None:
            return False
        lines: list[str] = []
        for piece in join_deltas(pieces):
            lines += self._view.feed(piece, self._prompt.columns)
        self._write(lines)
        return True
