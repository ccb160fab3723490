"""prompt_toolkit's application, painted by frames."""

from typing import TYPE_CHECKING

from prompt_toolkit.application import Application

if TYPE_CHECKING:
    from chatrepl.terminal.screen.frames import Frames

__all__ = ["LiveApplication"]


class LiveApplication(Application[None]):
    """An application whose repaints go through ``Frames``."""

    frames: "Frames | None" = None

    @property
    def timeoutlen(self) -> float:
        """How long a key waits that may begin a longer one: Escape hardly, chords for a person.

        What the terminal itself sends after an Escape has arrived before the key is looked at.
        """
        pending = self.key_processor.key_buffer
        is_escape = len(pending) == 1 and pending[0].key == "escape"
        return 0.005 if is_escape else 1.0

    @timeoutlen.setter
    def timeoutlen(self, value: float | None) -> None:
        del value

    @property
    def is_painting_allowed(self) -> bool:
        """Whether the application runs."""
        return self._is_running

    def invalidate(self) -> None:
        """Ask for a repaint; from the event loop's thread only."""
        if self.frames is not None:
            self.frames.request(is_urgent=True)

    def paint(self, *, is_input_same: bool) -> None:
        """Draw the region now; what is typed in may have stayed the same."""
        if is_input_same and self.context is not None:
            self.context.copy().run(self.renderer.render, self, self.layout)
        else:
            super()._redraw()

    def _redraw(self, render_as_done: bool = False) -> None:
        if self.frames is None:
            return
        if render_as_done:
            self.frames.finish()
        else:
            self.frames.request(is_urgent=True)

    def _on_resize(self) -> None:
        if self.frames is not None:
            self.frames.request(is_urgent=True)
