"""Branches of a conversation: edit, pick, redo, fork, search."""

import json

from chatrepl.core.events import (
    ChoiceFinished,
    DraftReturned,
    PlainText,
    ResponseStarted,
    Table,
    ToolCalled,
)
from tests.support.events import errors
from tests.support.fakes import World, answer
from tests.support.session_talk import path_texts, say


async def test_an_edited_message_stands_beside_the_old_one_and_picking_goes_back() -> None:
    world = World()
    world.model.scripts = [answer("a1"), answer("a2"), answer("a3")]
    async with world.opened() as session:
        await say(session, "one", "two")
        events = await say(session, "/edit 3")
        assert events[-1] == DraftReturned("two", was_sent=True)
        await say(session, "two again")
        assert path_texts(session) == ["one", "a1", "two again", "a3"]
        drawn = next(e for e in await say(session, "/tree") if isinstance(e, PlainText))
        assert drawn.text.split("\n") == [
            "1  ● user: one",
            "2  ● assistant: a1",
            "   ├─○ user: two",
            "a  │ ○ assistant: a2",
            "3  ● user: two again",
            "4  ● assistant: a3  ← here",
        ]
        await say(session, "/pick a")
        assert path_texts(session) == ["one", "a1", "two", "a2"]


async def test_sibling_answers_are_listed_and_picked_by_number() -> None:
    world = World()
    world.model.scripts = [answer("first"), answer("second")]
    async with world.opened() as session:
        await say(session, "question", "/retry")
        table = next(e for e in await say(session, "/alt") if isinstance(e, Table))
        assert [(row[0], row[1], row[3]) for row in table.rows] == [
            ("1", "", "first"),
            ("2", "●", "second"),
        ]
        await say(session, "/pick 1")
        assert path_texts(session) == ["question", "first"]
        assert errors(await say(session, "/pick 3")) == ["there is no answer 3"]


async def test_redo_finds_the_way_forward_after_a_restart() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "one", "two", "/undo")
        again = world.session()
        assert session.record is not None
        again.open(await again.ports.store.load(session.record.id))
        assert path_texts(again) == ["one", "ok"]
        await say(again, "/redo")
        assert path_texts(again) == ["one", "ok", "two", "ok"]


async def test_a_fork_leaves_the_old_session_as_it_is() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "/save old", "one", "/fork new", "two")
        old, new = await world.store.find("old"), await world.store.find("new")
        assert old is not None
        assert new is not None
        kept = (await world.store.load(old.id)).messages
        assert [message.content for message in kept] == ["one", "ok"]
        copied = (await world.store.load(new.id)).messages
        assert [message.content for message in copied] == ["one", "ok", "two", "ok"]


async def test_a_deleted_session_comes_back_by_load() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "/save keep", "hello", "/new")
        record = await world.store.find("keep")
        assert record is not None
        await world.store.delete(record.id)
        assert await world.store.find("keep") is None
        await say(session, "/load keep")
        assert path_texts(session) == ["hello", "ok"]


async def test_a_search_opens_the_branch_where_the_words_are() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "find the walrus", "/save zoo", "/undo", "other", "/new", "elsewhere")
        await say(session, "/search walrus", "/load 1")
        assert path_texts(session) == ["find the walrus", "ok"]
        await say(session, "/new", "/load zoo")
        assert path_texts(session) == ["find the walrus", "ok"]


async def test_an_imported_picture_and_tool_call_are_sent_as_they_came() -> None:
    world = World()
    messages = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
        {"role": "assistant", "content": "it is 42"},
    ]
    world.files.files["in.json"] = json.dumps(messages)
    async with world.opened() as session:
        await say(session, "/import in.json", "more")
    sent = world.model.requests[0].body["messages"]
    assert sent == [*messages, {"role": "user", "content": "more"}]


async def test_a_call_that_nothing_answers_is_kept_in_the_apis_form_and_not_sent_back() -> None:
    world = World()
    call = ToolCalled("f", '{"a": 1}', 0, "c1")
    world.model.scripts = [[ResponseStarted(), call, ChoiceFinished("tool_calls")], answer("fine")]
    async with world.opened() as session:
        await say(session, "one", "two", "/export out.json")
    assert "tool_calls" not in json.dumps(world.model.requests[1].body)
    kept = json.loads(world.files.files["out.json"])["messages"][1]["tool_calls"]
    function = {"name": "f", "arguments": '{"a": 1}'}
    assert kept == [{"id": "c1", "type": "function", "function": function}]


async def test_a_copy_cannot_take_the_name_of_what_it_copies() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "one", "/rename work")
        assert errors(await say(session, "/fork work")) == ["another session is named “work”"]
        assert session.name == "work"


async def test_redo_does_not_go_back_behind_a_new_answer() -> None:
    world = World()
    world.model.scripts = [answer("a1"), answer("a2"), answer("a3")]
    async with world.opened() as session:
        await say(session, "one", "two", "/undo", "/retry")
        assert errors(await say(session, "/redo")) == ["there is nothing to redo"]
        assert path_texts(session) == ["one", "a3"]


async def test_words_that_only_one_session_holds_load_it() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "about green apples", "/new", "about red apples", "/new")
        assert errors(await say(session, "/load apples")) == ["there is no session “apples”"]
        await say(session, "/load green")
        assert path_texts(session)[0] == "about green apples"
