"""The event queue of a turn: order, joined deltas, errors, and what ends with its reader."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from chatrepl.core.events import Event, Notice, ReasoningDelta, TextDelta
from chatrepl.core.messages import State
from chatrepl.core.turn.event_queue import EventQueue, stream_events
from tests.support.fakes import World


def test_deltas_that_wait_are_joined_and_other_events_keep_their_place() -> None:
    async def work(events: EventQueue) -> None:
        for event in (
            TextDelta("a"),
            TextDelta("b"),
            ReasoningDelta("c"),
            TextDelta("d", 1),
            TextDelta("e"),
            Notice("now"),
            TextDelta("f"),
        ):
            events.put(event)

    async def main() -> list[Event]:
        return [event async for event in stream_events(work)]

    assert asyncio.run(main()) == [
        TextDelta("ab"),
        ReasoningDelta("c"),
        TextDelta("d", 1),
        TextDelta("e"),
        Notice("now"),
        TextDelta("f"),
    ]


def test_an_error_of_the_work_is_raised_after_its_last_event() -> None:
    async def work(events: EventQueue) -> None:
        events.put(Notice("before"))
        raise ValueError("broken")

    async def main() -> list[Event]:
        stream = stream_events(work)
        first = await anext(stream)
        with pytest.raises(ValueError, match="broken"):
            await anext(stream)
        return [first]

    assert asyncio.run(main()) == [Notice("before")]


@pytest.mark.parametrize("ends_by", ["closing", "cancelling"])
def test_the_work_has_ended_when_its_reader_is_closed_or_cancelled(ends_by: str) -> None:
    ended: list[str] = []

    async def work(events: EventQueue) -> None:
        try:
            events.put(Notice("begun"))
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append(ends_by)

    async def main() -> None:
        stream = stream_events(work)
        assert await anext(stream) == Notice("begun")
        if ends_by == "closing":
            await stream.aclose()
        else:
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        assert ended == [ends_by]

    asyncio.run(main())


@pytest.mark.parametrize("ends_by", ["closing", "cancelling"])
def test_an_answer_whose_reader_leaves_is_stopped_and_saved(ends_by: str) -> None:
    world = World()
    world.model.scripts = [[TextDelta("half"), asyncio.Event()]]

    async def main() -> None:
        session = world.session()
        stream = session.ask("hi")
        assert isinstance(stream, AsyncGenerator)
        async for event in stream:
            if isinstance(event, TextDelta):
                break
        if ends_by == "closing":
            await stream.aclose()
        else:
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        assert world.model.closed == 1
        assert not session.is_answering
        assert session.record is not None
        saved = (await world.store.load(session.record.id)).messages[-1]
        assert (saved.content, saved.state) == ("half", State.STOPPED)
        await world.store.close()

    asyncio.run(main())
