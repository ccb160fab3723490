"""The event queue of a turn: work puts events and never waits; one reader may be slow."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from typing import Any

from chatrepl.core.events import Event, join_deltas


class EventQueue:
    """An unbounded queue of events. Deltas that wait are joined: a slow reader gets few pieces."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._joined: Iterator[Event] = iter(())
        """The events that the reader takes next, before those of ``_events``."""
        self._arrived = asyncio.Event()
        self._is_closed = False

    def put(self, event: Event) -> None:
        """Add an event."""
        self._events.append(event)
        self._arrived.set()

    def extend(self, events: Iterable[Event]) -> None:
        """Add events in order."""
        self._events.extend(events)
        self._arrived.set()

    def close(self) -> None:
        """End the queue: ``get`` returns None once it is empty."""
        self._is_closed = True
        self._arrived.set()

    async def get(self) -> Event | None:
        """Take the next event, waiting for one; None: the queue is closed and empty."""
        while (event := next(self._joined, None)) is None:
            if not self._events:
                if self._is_closed:
                    return None
                self._arrived.clear()
                await self._arrived.wait()
            events, self._events = self._events, []
            if len(events) == 1:
                # The usual case, where the reader is fast.
                return events[0]
            self._joined = join_deltas(events)
        return event


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
