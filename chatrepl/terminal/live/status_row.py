"""The row above the prompt that says what is going on: who is awaited, and what else is coming."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chatrepl.core.turn.sequencer import HeldAnswer

if TYPE_CHECKING:
    from chatrepl.terminal.draw.event_renderer import EventRenderer
    from chatrepl.terminal.prompt.prompt import LivePrompt

__all__ = ["Status"]

_WAITING_TICK_S = 1.0
_COMING_TICK_S = 0.2


class Status:
    """Keeps the row up to date; ``drawing`` is asked for when there is something to draw."""

    def __init__(self, prompt: "LivePrompt", drawing: Callable[[], "EventRenderer"]) -> None:
        self._prompt = prompt
        self._drawing = drawing
        self._waiting: asyncio.Task[None] | None = None
        self._waiting_text = ""
        self._coming: Sequence[HeldAnswer] = ()
        self._is_fresh = True

    def show(self, line: str) -> None:
        """Show a line that was drawn already; it holds until something else does."""
        self._prompt.show_status(line)

    def wait_for(self, what: str, after_s: float = 0.0) -> None:
        """Say that something is awaited, and how long already; after a quiet time at first."""
        self.stop_waiting()
        self._waiting = asyncio.create_task(self._wait_visibly(what, after_s))

    def stop_waiting(self) -> None:
        """Say no longer that something is awaited."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self._waiting_text = ""
            self._show_all()

    def set_coming(self, coming: Sequence[HeldAnswer]) -> None:
        """Say how far the answers are that are not shown yet; a few times a second at the most."""
        if coming == self._coming:
            return
        is_other = [(one.number, one.is_done) for one in coming] != [
            (one.number, one.is_done) for one in self._coming
        ]
        self._coming = coming
        if self._is_fresh or is_other:
            self._show_all()
            if self._is_fresh and coming:
                self._is_fresh = False
                asyncio.get_running_loop().call_later(_COMING_TICK_S, self._freshen)

    def _freshen(self) -> None:
        self._is_fresh = True
        if self._coming:
            self._show_all()

    def _show_all(self) -> None:
        if not self._coming:
            self._prompt.show_status(self._waiting_text)
            return
        line = self._drawing().held_answers(self._waiting_text, self._coming, self._prompt.columns)
        self._prompt.show_status(line)

    async def _wait_visibly(self, what: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        seconds = round(after_s)
        while True:
            self._waiting_text = self._drawing().waiting(what, seconds)
            self._show_all()
            await asyncio.sleep(_WAITING_TICK_S)
            seconds += 1
