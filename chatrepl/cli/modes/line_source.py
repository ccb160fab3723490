"""Lines of a pipe or a file, read at most 64 lines ahead."""

import asyncio
import os
import select
import threading
from collections.abc import AsyncIterator

from chatrepl.core.errors import ChatreplError, UsageError

_READ_BYTES = 65536
_LINES_AHEAD = 64
_LONGEST_LINE_BYTES = 64 * 2**20
_BOM = b"\xef\xbb\xbf"


class LineSource:
    """A file descriptor's lines, read in a thread: a pipe may be silent for as long as it likes.

    Any number of tasks of one event loop may iterate it; each line goes to one of them.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._room = threading.Semaphore(_LINES_AHEAD)
        self._lines: asyncio.Queue[tuple[int, str] | ChatreplError | None] = asyncio.Queue()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """End every iteration; lines read ahead are dropped."""
        self._is_closed = True
        self._lines.put_nowait(None)
        self._room.release()

    async def __aiter__(self) -> AsyncIterator[tuple[int, str]]:
        """Yield each line's number, from 1, and its text without the line end.

        Raises ``ChatreplError`` for a line of more than 64 MB or a descriptor that cannot be read.
        """
        if self._thread is None:
            loop = asyncio.get_running_loop()
            # A daemon: a read that nothing ends must not keep the program from leaving.
            self._thread = threading.Thread(target=self._read, args=(loop,), daemon=True)
            self._thread.start()
        while not self._is_closed:
            item = await self._lines.get()
            self._room.release()
            if item is None or self._is_closed:
                break
            if isinstance(item, ChatreplError):
                raise item
            yield item
        # Other tasks that wait must see the end, too.
        self._lines.put_nowait(None)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._read_lines(loop)
            self._put(loop, None)
        except ChatreplError as error:
            self._put(loop, error)
        except OSError as error:
            self._put(loop, ChatreplError(f"the lines cannot be read: {error.strerror}"))

    def _read_lines(self, loop: asyncio.AbstractEventLoop) -> None:
        number, rest = 0, bytearray()
        while not self._is_closed:
            data = self._next_bytes()
            rest += data
            if not data and not rest:
                return
            if b"\n" not in data and data:
                if len(rest) > _LONGEST_LINE_BYTES:
                    raise UsageError(f"line {number + 1} has more than 64 MB")
                continue
            *lines, left = bytes(rest).split(b"\n") if data else (bytes(rest), b"")
            rest = bytearray(left)
            for line in lines:
                number += 1
                plain = line.removeprefix(_BOM) if number == 1 else line
                text = plain.removesuffix(b"\r").decode("utf-8", "replace")
                self._room.acquire()
                if not self._put(loop, (number, text)):
                    return

    def _next_bytes(self) -> bytes:
        while True:
            try:
                return os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                select.select([self._descriptor], [], [])

    def _put(
        self, loop: asyncio.AbstractEventLoop, item: tuple[int, str] | ChatreplError | None
    ) -> bool:
        """Queue a line, an error, or None for the end; return False if nothing reads any more."""
        if self._is_closed:
            return False
        try:
            loop.call_soon_threadsafe(self._lines.put_nowait, item)
        except RuntimeError:
            # The loop is closed.
            return False
        return True
