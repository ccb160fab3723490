"""Hand events from a reader that never waits to a drawer that may be slow."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from chatrepl.core.events import Event, ReasoningDelta, TextDelta

__all__ = ["EventQueue"]


class EventQueue:
    """An unbounded queue of events; text that waits is joined, so a slow drawer gets few pieces."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._parts: list[str] = []
        self._open: TextDelta | ReasoningDelta | None = None
        self._arrived = asyncio.Event()
        self._is_closed = False

    def put(self, event: Event) -> None:
        """Add an event."""
        if isinstance(event, TextDelta | ReasoningDelta):
            if not self._continues(event):
                self._seal()
                self._open = event
            self._parts.append(event.text)
        else:
            self._seal()
            self._events.append(event)
        self._arrived.set()

    def close(self) -> None:
        """Say that nothing more comes."""
        self._is_closed = True
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            self._seal()
            while self._events:
                yield self._events.popleft()
                if not self._events:
                    self._seal()
            if self._is_closed:
                return
            self._arrived.clear()
            await self._arrived.wait()

    def _continues(self, event: TextDelta | ReasoningDelta) -> bool:
        last = self._open
        return last is not None and type(last) is type(event) and last.index == event.index

    def _seal(self) -> None:
        if self._open is None:
            return
        text, index = "".join(self._parts), self._open.index
        is_text = isinstance(self._open, TextDelta)
        self._events.append(TextDelta(text, index) if is_text else ReasoningDelta(text, index))
        self._open = None
        self._parts.clear()
