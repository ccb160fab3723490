"""The status row above the prompt: the awaited model or command, and answers that are held."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chatrepl.core.turn.sequencer import HeldAnswer

if TYPE_CHECKING:
    from chatrepl.terminal.draw.event_renderer import EventRenderer
    from chatrepl.terminal.prompt.prompt import LivePrompt


_WAITING_TICK_S = 1.0
_HELD_TICK_S = 0.2


class StatusRow:
    """The row's content; ``drawing`` is called when there is something to draw."""

    def __init__(self, prompt: "LivePrompt", drawing: Callable[[], "EventRenderer"]) -> None:
        self._prompt = prompt
        self._drawing = drawing
        self._waiting: asyncio.Task[None] | None = None
        self._waiting_text = ""
        self._held: Sequence[HeldAnswer] = ()
        self._may_draw_held = True
        """False until the tick after the last drawing of held answers is over."""

    def show(self, line: str) -> None:
        """Show a line as it is, until the row changes."""
        self._prompt.show_status(line)

    def wait_for(self, name: str, after_s: float = 0.0) -> None:
        """Show from ``after_s`` on that something is awaited, and the seconds so far."""
        self.stop_waiting()
        self._waiting = asyncio.create_task(self._show_waiting(name, after_s))

    def stop_waiting(self) -> None:
        """Remove what ``wait_for`` shows."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self._waiting_text = ""
            self._draw()

    def set_held(self, held: Sequence[HeldAnswer]) -> None:
        """Show the progress of answers that are held, a few times a second at the most."""
        if held == self._held:
            return
        # A new or finished answer is drawn at once, a word more at the next tick.
        is_urgent = [(answer.number, answer.is_done) for answer in held] != [
            (answer.number, answer.is_done) for answer in self._held
        ]
        self._held = held
        if self._may_draw_held or is_urgent:
            self._draw()
            if self._may_draw_held and held:
                self._may_draw_held = False
                asyncio.get_running_loop().call_later(_HELD_TICK_S, self._end_tick)

    def _end_tick(self) -> None:
        self._may_draw_held = True
        if self._held:
            self._draw()

    def _draw(self) -> None:
        if not self._held:
            self._prompt.show_status(self._waiting_text)
            return
        line = self._drawing().held_answers(self._waiting_text, self._held, self._prompt.columns)
        self._prompt.show_status(line)

    async def _show_waiting(self, name: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        seconds = round(after_s)
        while True:
            self._waiting_text = self._drawing().waiting(name, seconds)
            self._draw()
            await asyncio.sleep(_WAITING_TICK_S)
            seconds += 1
