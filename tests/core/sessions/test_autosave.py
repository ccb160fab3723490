"""Autosave while each call to the store fails in turn: all is told, nothing is lost."""

import asyncio
import inspect
from pathlib import Path
from typing import Any

from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.errors import StoreError
from chatrepl.core.events import AnswerEnded, Event, Level, Notice
from chatrepl.core.session import Session
from chatrepl.services.store import SqliteStore
from tests.support.fakes import World, answer

SCENARIO = (
    "one",
    "/pin 1",
    "two",
    "/undo",
    "two again",
    "/retry",
    "/rename kept",
    "/fork copy",
    "three",
    "/new",
    "four",
    "/sessions",
    "/search one",
    "/load kept",
    "five",
    "/delete copy",
    "/load copy",
)


class FailingStore:
    """A real store, one of whose calls fails; ``stays_broken``: so do all after it."""

    def __init__(self, store: SqliteStore, failing: int, *, stays_broken: bool) -> None:
        self._store, self._failing, self._stays_broken = store, failing, stays_broken
        self.calls = 0
        self.warnings: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not inspect.iscoroutinefunction(method) or name in ("close", "append", "set_counts"):
            return method

        async def call(*values: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self._failing or (self._stays_broken and self.calls > self._failing):
                raise StoreError("the disk is full")
            return await method(*values, **options)

        return call

    def mend(self) -> None:
        self._failing, self._stays_broken = -1, False


async def play(session: Session) -> list[Event]:
    return [event for line in SCENARIO async for event in handle_line(session, line)]


def said_on(events: list[Event]) -> bool:
    return any(isinstance(event, Notice) and event.level is Level.ERROR for event in events)


async def contents_of(store: SqliteStore) -> set[str]:
    listed = [*await store.sessions(), *await store.sessions(deleted=True)]
    loaded = [await store.load(summary.id) for summary in listed]
    return {message.content for one in loaded for message in one.messages}


async def scenario(path: Path, failing: int, *, stays_broken: bool) -> int:
    real = SqliteStore(path)
    store = FailingStore(real, failing, stays_broken=stays_broken)
    world = World()
    world.store = store  # type: ignore[assignment]
    world.person.says_yes = True
    session = world.session()
    try:
        events = await play(session)
        if failing > store.calls:
            assert not said_on(events)
        else:
            assert said_on(events), f"nothing was said of call {failing}"
            accepted = {
                str(request.body["messages"][-1]["content"])  # type: ignore[index, call-overload]
                for request in world.model.requests
            }
            store.mend()
            assert await session.autosave.flush()
            assert session.autosave.is_saved
            assert accepted <= await contents_of(real), f"call {failing}"
        return store.calls
    finally:
        await real.close()


def test_any_call_to_the_store_that_fails_once_is_told_and_loses_nothing(tmp_path: Path) -> None:
    calls = asyncio.run(scenario(tmp_path / "whole.db", 10**9, stays_broken=False))
    assert calls > 20
    for failing in range(1, calls + 1):
        asyncio.run(scenario(tmp_path / f"{failing}.db", failing, stays_broken=False))


def test_all_is_written_once_a_disk_that_failed_at_any_call_recovers(
    tmp_path: Path,
) -> None:
    calls = asyncio.run(scenario(tmp_path / "whole.db", 10**9, stays_broken=True))
    for failing in range(1, calls + 1):
        asyncio.run(scenario(tmp_path / f"{failing}.db", failing, stays_broken=True))


async def pages_at_most(store: SqliteStore, pages: int) -> None:
    """Let SQLite find the disk full when the database has so many pages."""
    await store._run(
        lambda opened: opened.database.connection.execute(f"PRAGMA max_page_count = {pages}")
    )


async def test_a_full_disk_is_told_answers_go_on_and_all_is_there_when_there_is_room_again(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "s.db")
    world = World(store=store)
    world.model.scripts = [answer(f"answer {number} " + "x" * 9000) for number in range(9)]
    async with world.opened() as session:
        await store.newest()
        await pages_at_most(store, 60)
        told: list[Notice] = []
        for number in range(9):
            events = [event async for event in handle_line(session, f"message {number}")]
            assert isinstance(events[-1], AnswerEnded | Notice)
            told += [e for e in events if isinstance(e, Notice) and e.level is Level.ERROR]
        assert [notice.text for notice in told] == ["NOT SAVED: the disk is full"]
        assert told[0].stays
        said = [message.content for message in session.conversation.path]
        assert len(said) == 18
        assert not await session.autosave.flush()
        await pages_at_most(store, 10_000)
        assert await session.autosave.flush()
        assert session.record is not None
        loaded = await store.load(session.record.id)
        assert [message.content for message in loaded.messages] == said
        assert loaded.record.head == session.conversation.head
