"""The journal of a streaming answer: its text is on disk while it grows, without delaying it."""

import asyncio
from contextlib import suppress

from chatrepl.core.errors import StoreError
from chatrepl.core.ports.storage import Store

_PAUSE_S = 0.15
_CHUNK_CHARS = 2000


class Journal:
    """Appends received text to the store, at least every quarter of a second or 2,000 characters.

    A failing store never stops the answer: ``error`` then holds the failure, and writing ends.
    """

    def __init__(self, store: Store, message_id: str) -> None:
        self._store = store
        self._message_id = message_id
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._chars = 0
        self._arrived = asyncio.Event()
        self._is_full = asyncio.Event()
        self.error: StoreError | None = None
        self._task = asyncio.create_task(self._run())

    def add(self, text: str, reasoning: str = "") -> None:
        """Add a further piece of text and of reasoning."""
        self._text.append(text)
        self._reasoning.append(reasoning)
        self._chars += len(text) + len(reasoning)
        self._arrived.set()
        if self._chars >= _CHUNK_CHARS:
            self._is_full.set()

    async def close(self) -> None:
        """Stop writing; what is pending is written with the answer's end state."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self.error is None:
            await self._arrived.wait()
            await self._write()
            # Not ``wait_for``: up to Python 3.11 that loses a cancellation when the event is set.
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_S):
                    await self._is_full.wait()

    async def _write(self) -> None:
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        self._text.clear()
        self._reasoning.clear()
        self._chars = 0
        self._arrived.clear()
        self._is_full.clear()
        try:
            await self._store.append(self._message_id, text, reasoning)
        except StoreError as error:
            self.error = error
