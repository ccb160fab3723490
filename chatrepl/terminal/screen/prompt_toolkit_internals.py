"""Every use of prompt_toolkit's private names, behind public ones, and of undocumented modules.

They may change in any release, so ``pyproject.toml`` has an upper bound, and a test checks
``PRIVATE_NAMES`` against the installed version.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Point, Size
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import WritePosition
from prompt_toolkit.renderer import Renderer
from prompt_toolkit.search import stop_search

__all__ = [
    "PRIVATE_NAMES",
    "LiveApplication",
    "MouseHandlers",
    "Point",
    "Repainter",
    "Size",
    "StatefulRenderer",
    "WritePosition",
    "prepend_history",
    "stop_search",
]

PRIVATE_NAMES: Mapping[type, Sequence[str]] = {
    Application: ("_on_resize", "_redraw"),
    Buffer: ("_load_history_task", "_working_lines"),
    Renderer: ("_cursor_pos", "_style_string_has_style"),
}


class Repainter(Protocol):
    """Scheduler of an application's repaints."""

    def request(self, *, is_urgent: bool = False, is_input_same: bool = False) -> None:
        """Schedule a repaint; the input window has not changed if ``is_input_same``."""

    def finish(self) -> None:
        """Erase the application for good."""


class LiveApplication(Application[None]):
    """Application whose repaints are scheduled by a ``Repainter``.

    Nothing is drawn before ``repainter`` is set.
    """

    repainter: Repainter | None = None

    @property
    def timeoutlen(self) -> float:
        """Seconds to wait for the rest of a key chord: 1, but hardly any after a lone Escape.

        The control sequences that begin with an Escape arrive as whole keys.
        """
        pending = self.key_processor.key_buffer
        is_escape = len(pending) == 1 and pending[0].key == "escape"
        return 0.005 if is_escape else 1.0

    @timeoutlen.setter
    def timeoutlen(self, value: float | None) -> None:
        # The base class's constructor assigns its own default.
        del value

    def invalidate(self) -> None:
        """Request a repaint; from the event loop's thread only."""
        if self.repainter is not None:
            self.repainter.request(is_urgent=True)

    def paint(self, *, is_input_same: bool) -> None:
        """Draw now; ``is_input_same`` skips the bookkeeping for changed windows."""
        if is_input_same and self.context is not None:
            self.context.copy().run(self.renderer.render, self, self.layout)
        else:
            super()._redraw()

    def _redraw(self, render_as_done: bool = False) -> None:
        if render_as_done and self.repainter is not None:
            self.repainter.finish()
        else:
            self.invalidate()

    def _on_resize(self) -> None:
        # The base class erases at once, with the old size's rows: the repainter knows better.
        self.invalidate()


class StatefulRenderer(Renderer):
    """Renderer whose knowledge of the screen can be read, saved and restored."""

    @property
    def cursor(self) -> Point:
        """The cursor's place, from the first drawn cell on."""
        return self._cursor_pos

    @property
    def has_style(self) -> Callable[[str], bool]:
        """Predicate for styles in which a blank is visible; only after something was drawn."""
        known = self._style_string_has_style
        assert known is not None
        return known.__getitem__

    def snapshot(self) -> dict[str, object]:
        """Return all that the renderer knows of the screen."""
        return vars(self).copy()

    def restore(self, snapshot: Mapping[str, object]) -> None:
        """Go back to a snapshot: what was drawn since then was not sent."""
        vars(self).update(snapshot)


def prepend_history(buffer: Buffer, newest_first: Sequence[str]) -> None:
    """Put history entries before a buffer's own line at once.

    prompt_toolkit loads them in a task, which is kept from running.
    """
    buffer._load_history_task = asyncio.get_running_loop().create_future()
    buffer._load_history_task.set_result(None)
    buffer._working_lines.extendleft(newest_first)
    buffer.working_index = len(newest_first)
