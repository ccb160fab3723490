"""The event queue of a turn: work puts events and never waits; one reader may be slow."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any

from chatrepl.core.events import Event, ReasoningDelta, TextDelta

__all__ = ["EventQueue", "stream_events"]


class EventQueue:
    """An unbounded queue of events. Deltas that wait are joined: a slow reader gets few pieces."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._open: TextDelta | ReasoningDelta | None = None
        """The last event, where it is a delta that still grows; its text is in ``_parts``."""
        self._parts: list[str] = []
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

    def extend(self, events: Iterable[Event]) -> None:
        """Add events in order."""
        for event in events:
            self.put(event)

    def close(self) -> None:
        """End the queue: ``get`` returns None once it is empty."""
        self._is_closed = True
        self._arrived.set()

    async def get(self) -> Event | None:
        """Take the next event, waiting for one; None: the queue is closed and empty."""
        while not self._events:
            self._seal()
            if self._events:
                break
            if self._is_closed:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()

    def _continues(self, event: TextDelta | ReasoningDelta) -> bool:
        last = self._open
        return last is not None and type(last) is type(event) and last.index == event.index

    def _seal(self) -> None:
        """End the delta that grows."""
        if self._open is None:
            return
        text, index = "".join(self._parts), self._open.index
        is_text = isinstance(self._open, TextDelta)
        self._events.append(TextDelta(text, index) if is_text else ReasoningDelta(text, index))
        self._open = None
        self._parts.clear()


async def stream_events(
    work: Callable[[EventQueue], Coroutine[Any, Any, None]],
) -> AsyncGenerator[Event, None]:
    """Run work in a task, and yield the events that it puts into its queue.

    An error of the work is raised after its last event. Closing early, like a cancellation,
    cancels the work and waits until it has ended.
    """
    queue = EventQueue()
    task = asyncio.create_task(work(queue))
    task.add_done_callback(lambda _: queue.close())
    try:
        while (event := await queue.get()) is not None:
            yield event
        task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
