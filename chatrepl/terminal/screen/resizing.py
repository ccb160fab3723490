"""What happens while the window's size changes: often it changes many times within a second."""

import asyncio
from collections.abc import Callable

from chatrepl.terminal.screen.live_region import RegionState

__all__ = ["Resizing"]

_SETTLED_S = 0.5


class Resizing:
    """Tells the region while sizes follow each other; ``on_resize`` has to draw the tail anew.

    It is called before the first repaint at a new size, and when the size has settled.
    """

    def __init__(
        self, state: RegionState, on_resize: Callable[[], None], repaint: Callable[[], None]
    ) -> None:
        self._state, self._on_resize, self._repaint = state, on_resize, repaint
        self._timer: asyncio.TimerHandle | None = None

    def note(self) -> None:
        """Note a new size."""
        self.stop()
        self._state.is_resizing = True
        self._timer = asyncio.get_running_loop().call_later(_SETTLED_S, self._settle)
        self._on_resize()

    def stop(self) -> None:
        """Wait for nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _settle(self) -> None:
        self._timer = None
        self._state.is_resizing = False
        self._on_resize()
        self._repaint()
