"""Non-blocking output to the terminal."""

import asyncio
import os
import select
import time
from collections.abc import Callable
from contextlib import suppress

_PIECE_BYTES = 65536
_MAX_STUCK_S = 2.0


class TerminalWriter:
    """Buffer of bytes that are written as fast as the terminal takes them, in the background.

    The terminal is opened anew: on a shared descriptor non-blocking mode would leak into stdin,
    children and the shell. If it cannot be opened, writes block. ``on_closed`` is called once, when
    the terminal no longer exists; later bytes are dropped.
    """

    def __init__(self, output_fd: int, on_closed: Callable[[], None]) -> None:
        self._on_closed = on_closed
        self._pending = bytearray()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_watching = False
        self._is_closed = False
        self._when_empty: list[Callable[[], None]] = []
        self._own_fd = _open_again(output_fd)
        self.fd = output_fd if self._own_fd is None else self._own_fd

    @property
    def pending(self) -> int:
        """Number of bytes that the terminal has not taken yet."""
        return len(self._pending)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write in the background from now on."""
        self._loop = loop

    def write(self, data: bytes) -> None:
        """Write bytes in order, at once as far as possible."""
        if self._is_closed or not data:
            return
        self._pending += data
        if not self._is_watching:
            self._push()

    def when_empty(self, callback: Callable[[], None]) -> None:
        """Call back once when the terminal has taken everything; at once if it has.

        The same callback is called only once, however often it is handed over.
        """
        if not self._pending:
            callback()
        elif callback not in self._when_empty:
            self._when_empty.append(callback)

    async def drained(self) -> None:
        """Wait until everything is written, or until the terminal takes nothing for 2 s."""
        loop = asyncio.get_running_loop()
        left, moved_s = self.pending, loop.time()
        while self._pending and loop.time() - moved_s < _MAX_STUCK_S:
            await asyncio.sleep(0.005)
            if self.pending < left:
                left, moved_s = self.pending, loop.time()

    def drain(self) -> None:
        """Write the rest, blocking, unless the terminal takes nothing for 2 s."""
        self._unwatch()
        moved_s = time.monotonic()
        while self._pending and time.monotonic() - moved_s < _MAX_STUCK_S:
            before = self.pending
            with suppress(OSError, ValueError):
                select.select([], [self.fd], [], 0.1)
            self._push(watch=False)
            if self.pending < before:
                moved_s = time.monotonic()

    def close(self) -> None:
        """Close the descriptor; bytes not yet written are lost."""
        self._unwatch()
        self._loop = None
        if self._own_fd is not None:
            os.close(self._own_fd)
            self._own_fd = None
        self._is_closed = True

    def _push(self, *, watch: bool = True) -> None:
        try:
            while self._pending:
                written = os.write(self.fd, bytes(self._pending[:_PIECE_BYTES]))
                del self._pending[:written]
        except BlockingIOError:
            if watch:
                self._watch()
            return
        except OSError:
            self._mark_closed()
        self._unwatch()
        callbacks, self._when_empty = self._when_empty, []
        for callback in callbacks:
            callback()

    def _mark_closed(self) -> None:
        self._pending.clear()
        if not self._is_closed:
            self._is_closed = True
            self._on_closed()

    def _watch(self) -> None:
        if not self._is_watching and self._loop is not None:
            self._is_watching = True
            self._loop.add_writer(self.fd, self._push)

    def _unwatch(self) -> None:
        if self._is_watching and self._loop is not None:
            self._is_watching = False
            self._loop.remove_writer(self.fd)


def _open_again(fd: int) -> int | None:
    """Open a terminal's device for non-blocking writes; None: that is not possible."""
    try:
        name = os.ttyname(fd)
        return os.open(name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
