"""Sessions on the shelf: what a copy, a name, an import, and a late save take along."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatrepl.core.session import Session
from chatrepl.services.store import SqliteStore
from tests.core.test_session import errors, run, say
from tests.support.fakes import World


@asynccontextmanager
async def unsaved(session: Session) -> AsyncIterator[SqliteStore]:
    """Keep a session off the disk, which is the one returned."""
    disk = SqliteStore(None)
    session.disk_store = disk
    try:
        yield disk
    finally:
        await disk.close()


def test_pins_and_drops_are_saved_too_when_a_run_begins_to_be_saved() -> None:
    world = World()

    async def work(session: Session) -> None:
        async with unsaved(session) as disk:
            await say(session, "first", "second", "/pin 1", "/drop 3", "/save kept")
            record = await disk.find("kept")
            assert record is not None
            loaded = await disk.load(record.id)
            assert loaded.marks == session.conversation.marks
            assert loaded.marks.pinned
            assert loaded.marks.dropped
            assert len(loaded.messages) == 4

    run(world, work)


def test_a_taken_name_does_not_begin_to_save_a_run() -> None:
    world = World()

    async def work(session: Session) -> None:
        async with unsaved(session) as disk:
            other = World(store=disk, ids=iter(range(1000, 2000)))
            await say(other.session(), "hi", "/save kept")
            await say(session, "private")
            assert errors(await say(session, "/save kept"))
            await say(session, "still private")
            assert len(await disk.sessions()) == 1

    run(world, work)
