"""Saved sessions: copies, names, imports, and saving begun late."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatrepl.core.events import Notice, Table
from chatrepl.core.ports.chat_model import Price
from chatrepl.core.session import Session
from chatrepl.core.turn.spending_limit import beginning_of_day
from chatrepl.services.store import SqliteStore
from tests.support.events import errors
from tests.support.fakes import FixedCatalog, World, answer
from tests.support.session_talk import say, sent_texts

LONG = "word " * 50


@asynccontextmanager
async def unsaved(session: Session) -> AsyncIterator[SqliteStore]:
    """Keep a session off the disk, which is the one returned."""
    disk = SqliteStore(None)
    session.disk_store = disk
    try:
        yield disk
    finally:
        await disk.close()


async def test_pins_and_drops_are_saved_too_when_a_run_begins_to_be_saved() -> None:
    world = World()
    async with world.opened() as session, unsaved(session) as disk:
        await say(session, "first", "second", "/pin 1", "/drop 3", "/save kept")
        record = await disk.find("kept")
        assert record is not None
        loaded = await disk.load(record.id)
        assert loaded.marks == session.conversation.marks
        assert loaded.marks.pinned
        assert loaded.marks.dropped
        assert len(loaded.messages) == 4


async def test_a_taken_name_does_not_begin_to_save_a_run() -> None:
    world = World()
    async with world.opened() as session, unsaved(session) as disk:
        other = World(store=disk, ids=iter(range(1000, 2000)))
        await say(other.session(), "hi", "/save kept")
        await say(session, "private")
        assert errors(await say(session, "/save kept"))
        await say(session, "still private")
        assert len(await disk.sessions()) == 1


async def test_a_copy_sends_the_summaries_that_its_original_sends() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, *(f"{name} {LONG}" for name in ("one", "two", "three", "four")))
        world.model.scripts = [answer("undone")]
        await say(session, "/compact", "/compact --undo")
        world.model.scripts = [answer("short summary")]
        await say(session, "/compact", "five")
        before = sent_texts(world)
        await say(session, "/undo", "/fork copy", "five")
        assert sent_texts(world) == before
        assert "short summary" in before[0][1]
        again = world.session()
        await say(again, "/load copy", "six")
        assert sent_texts(world)[: len(before)] == before
        await say(again, "/compact --undo", "/undo", "six")
        assert sent_texts(world)[0][1].startswith("one")


async def test_the_summaries_of_a_copy_are_not_paid_for_again() -> None:
    world = World(catalog=FixedCatalog(8192, Price(1_000_000, 2_000_000)))
    async with world.opened() as session:
        await say(session, *(f"{name} {LONG}" for name in ("one", "two")))
        world.model.scripts = [answer("short", prompt_tokens=100)]
        await say(session, "/compact", "/fork copy")
        spent = await session.ports.store.usage(beginning_of_day(world.clock.now()))
        assert [total.cost_usd for total in spent] == [106.0]


async def test_a_session_from_outside_cannot_set_what_is_no_matter_of_a_session() -> None:
    world = World()
    mine = {"spending_limit": 1, "theme": "light", "vi": False}
    world.values = {"model": "test-model", **mine}
    theirs = {"spending_limit": 1_000_000, "theme": "dark", "vi": True, "temperature": 0.5}
    transcript = {
        "version": 1,
        "settings": {**theirs, "role": {"name": "helper", "values": {**theirs, "seed": 7}}},
        "tree": [{"id": "a", "parent": None, "role": "user", "content": "hi"}],
        "head": "a",
    }
    world.files.files["evil.json"] = json.dumps(transcript)
    async with world.opened() as session:
        await say(session, "/import evil.json")
        assert {key: session.settings.get(key) for key in mine} == mine
        assert session.settings.get("temperature") == 0.5
        assert session.settings.get("seed") == 7


async def test_an_import_keeps_a_name_that_only_begins_like_another_session_s_id() -> None:
    world = World()
    tree = [{"id": "a", "parent": None, "role": "user", "content": "hi"}]
    one = {"version": 1, "name": "id0000", "tree": tree, "head": "a"}
    world.files.files["one.json"] = json.dumps(one)
    world.files.files["two.json"] = json.dumps([{**one, "name": "id00000"}, one])
    async with world.opened() as session:
        await say(session, "hello", "/import one.json")
        assert session.name == "id0000"
        await say(session, "/import two.json")
        assert session.name == "id0000"
        names = [summary.name for summary in await session.ports.store.sessions()]
        assert names.count("id00000") == names.count("id0000") == 1


async def test_an_id_matches_from_four_characters_on() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "hello", "/new")
        assert errors(await say(session, "/load id0"))
        assert not errors(await say(session, "/load id00"))


async def test_imported_conversations_are_listed_by_title_and_time_of_use() -> None:
    def said(year: int, text: str) -> dict[str, object]:
        created = f"{year}-05-06T07:08:09+00:00"
        message = {"id": text, "role": "user", "content": text, "created": created}
        return {"tree": [message], "title": f"of {year}"}

    world = World()
    world.files.files["all.json"] = json.dumps([said(2021, "old words"), 7, said(2022, "words")])
    async with world.opened() as session:
        await say(session, "mine")
        events = await say(session, "/import all.json")
        told = [event.text for event in events if isinstance(event, Notice)]
        assert "one conversation is left out: [1] is a number, no conversation" in told
        assert "2 conversations came in" in told
        [table] = [e for e in await say(session, "/sessions --all") if isinstance(e, Table)]
        assert [(row[2][:4], row[-1]) for row in table.rows] == [
            ("2026", "mine"),
            ("2022", "of 2022 — words"),
            ("2021", "of 2021 — old words"),
        ]
