"""Paint a growing answer: as often as the eye needs, as rarely as the terminal can bear."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from chatrepl.core.events import ReasoningDelta, RefusalDelta, TextDelta

if TYPE_CHECKING:
    from chatrepl.terminal.draw.answer_columns import AnswerColumns
    from chatrepl.terminal.draw.answer_view import AnswerView
    from chatrepl.terminal.prompt.prompt import LivePrompt

__all__ = ["Painter"]

_Piece = TextDelta | ReasoningDelta | RefusalDelta

_FRAME_S = 1 / 30
_LARGEST_SHARE = 0.5
"""Of the time, painting may take at the most so much; the rest is for reading and keys."""


class Painter:
    """Collects pieces of an answer; one task draws all that came since the last frame at once."""

    def __init__(self, prompt: "LivePrompt", on_error: Callable[[Exception], None]) -> None:
        self._prompt = prompt
        self._on_error = on_error
        self._view: AnswerView | AnswerColumns | None = None
        self._pieces: list[_Piece] = []
        self._dirty = asyncio.Event()
        self._last_line = ""

    def begin(self, view: "AnswerView | AnswerColumns") -> None:
        """Draw what follows as a new answer."""
        self.end()
        self._view = view

    def add(self, piece: _Piece) -> None:
        """Take a further piece."""
        self._pieces.append(piece)
        self._dirty.set()

    def print(self, lines: Sequence[str]) -> None:
        """Write finished lines, below all that the answer has finished so far."""
        self.paint()
        self._write(lines)

    def gap(self) -> None:
        """Leave a row empty, unless the last one is."""
        self.paint()
        if self._last_line:
            self._write([""])

    def _write(self, lines: Sequence[str]) -> None:
        if lines:
            self._last_line = lines[-1]
            self._prompt.print(lines)

    def end(self) -> None:
        """Draw the rest of the answer: all of it is finished now."""
        self._take()
        view, self._view = self._view, None
        if view is not None:
            self._prompt.show_tail(())
            self._write(view.finish(self._prompt.columns))

    def end_part(self, index: int, lines: Sequence[str]) -> bool:
        """End one of the answers beside each other, these lines below it; True: it was the last."""
        from chatrepl.terminal.draw.answer_columns import AnswerColumns

        self.paint()
        view = self._view
        if not isinstance(view, AnswerColumns):
            return True
        self._write(view.end(index, lines, self._prompt.columns))
        self._prompt.show_tail(view.tail(self._prompt.tail_room))
        if view.is_over:
            self.end()
        return view.is_over

    def flush(self) -> None:
        """Draw all there is, before leaving."""
        self.end()

    async def run(self) -> None:
        """Paint whenever something came, until cancelled."""
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
            spent_s = time.monotonic() - begun_s
            await asyncio.sleep(max(_FRAME_S - spent_s, spent_s * (1 / _LARGEST_SHARE - 1)))

    def resized(self) -> None:
        """Draw what is open at the window's new size."""
        if self._view is not None:
            self._view.resize(self._prompt.columns)
            self._prompt.show_tail(self._view.tail(self._prompt.tail_room))

    def paint(self) -> None:
        """Draw all that came."""
        if self._take() and self._view is not None:
            self._prompt.show_tail(self._view.tail(self._prompt.tail_room))

    def _take(self) -> bool:
        self._dirty.clear()
        if not self._pieces or self._view is None:
            self._pieces.clear()
            return False
        pieces, self._pieces = self._pieces, []
        lines: list[str] = []
        for piece in _joined(pieces):
            lines += self._view.feed(piece, self._prompt.columns)
        self._write(lines)
        return True


def _joined(pieces: Sequence[_Piece]) -> Iterator[_Piece]:
    """Make one piece of neighbours of one kind: drawing costs less for few long ones."""
    for (kind, index), group in groupby(pieces, lambda piece: (type(piece), piece.index)):
        yield kind("".join(piece.text for piece in group), index)
