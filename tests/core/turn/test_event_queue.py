"""The event queue of a turn: order, joined deltas, errors, and what ends with its reader."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from chatrepl.core.events import Event, Notice, ReasoningDelta, TextDelta
from chatrepl.core.messages import State
from chatrepl.core.turn.event_queue import EventQueue, stream_events
from tests.support.fakes import World
from tests.support.session_talk import collect


async def leave(stream: AsyncGenerator[Event, None], by: str) -> None:
    """End a reader in the middle of its stream: by closing it, or while it waits for an event."""
    if by == "closing":
        await stream.aclose()
        return
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_deltas_that_wait_are_joined_and_other_events_keep_their_place() -> None:
    async def work(events: EventQueue) -> None:
        events.extend([TextDelta("a"), TextDelta("b"), ReasoningDelta("c"), TextDelta("d", 1)])
        events.extend([TextDelta("e"), Notice("now"), TextDelta("f")])

    assert await collect(stream_events(work)) == [
        TextDelta("ab"),
        ReasoningDelta("c"),
        TextDelta("d", 1),
        TextDelta("e"),
        Notice("now"),
        TextDelta("f"),
    ]


async def test_an_error_of_the_work_is_raised_after_its_last_event() -> None:
    async def work(events: EventQueue) -> None:
        events.put(Notice("before"))
        raise ValueError("broken")

    stream = stream_events(work)
    assert await anext(stream) == Notice("before")
    with pytest.raises(ValueError, match="broken"):
        await anext(stream)


@pytest.mark.parametrize("by", ["closing", "cancelling"])
async def test_the_work_has_ended_when_its_reader_has_left(by: str) -> None:
    ended: list[str] = []

    async def work(events: EventQueue) -> None:
        try:
            events.put(Notice("begun"))
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append(by)

    stream = stream_events(work)
    assert await anext(stream) == Notice("begun")
    await leave(stream, by)
    assert ended == [by]


@pytest.mark.parametrize("by", ["closing", "cancelling"])
async def test_an_answer_whose_reader_leaves_is_stopped_and_saved(by: str) -> None:
    world = World()
    world.model.scripts = [[TextDelta("half"), asyncio.Event()]]
    session = world.session()
    stream = session.ask("hi")
    assert isinstance(stream, AsyncGenerator)
    while not isinstance(await anext(stream), TextDelta):
        pass
    await leave(stream, by)
    assert world.model.closed == 1
    assert not session.is_answering
    assert session.record is not None
    saved = (await world.store.load(session.record.id)).messages[-1]
    assert (saved.content, saved.state) == ("half", State.STOPPED)
