"""``/compact`` and the ``on_overflow`` setting: summaries of the oldest turns."""

import json

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import Level, Notice, PlainText, Progress, Table
from tests.support.events import errors, notices
from tests.support.fakes import FixedCatalog, World, answer
from tests.support.session_talk import say, sent_texts

LONG = "word " * 100


def small_world(**values: object) -> World:
    world = World(catalog=FixedCatalog(1000))
    world.values = {"model": "test-model", "budget": 500, "reserve": 50, **values}
    return world


def contents(world: World, number: int = -1) -> list[str]:
    messages = world.model.requests[number].body["messages"]
    assert isinstance(messages, list)
    texts = [message["content"] for message in messages if isinstance(message, dict)]
    return [str(text).split("\n")[0][:20] for text in texts]


async def test_compact_summarises_the_oldest_turns_and_keeps_the_originals() -> None:
    world = small_world()
    async with world.opened() as session:
        await say(session, *(f"{name} {LONG}" for name in ("one", "two", "three", "four", "five")))
        before = len(session.conversation.path)
        world.model.scripts = [answer("they spoke", prompt_tokens=400), answer("of words")]
        events = await say(session, "/compact mind the words")
        assert any("tokens became" in text for text in notices(events))
        asked = [str(request.body) for request in world.model.requests[-2:]]
        assert "one word" in asked[0]
        assert "they spoke" in asked[1]
        assert all("mind the words" in text for text in asked)
        assert len(session.conversation.path) == before
        await say(session, "go on")
        said = contents(world)
        assert said[0] == "[Summary of the conv"
        assert "of words" in str(sent_texts(world)[0])
        assert not any(text.startswith("one") for text in said)
        assert said[-1] == "go on"


async def test_undo_sends_the_originals_again_and_the_disk_knows() -> None:
    world = small_world(budget=900)
    async with world.opened() as session:
        await say(session, f"one {LONG}", f"two {LONG}", "three")
        world.model.scripts = [answer("short")]
        await say(session, "/compact")
        await say(session, "four")
        assert contents(world)[0] == "[Summary of the conv"
        assert session.record is not None
        kept = session.record.id
        session.open(await session.ports.store.load(kept))
        await say(session, "five")
        assert contents(world)[0] == "[Summary of the conv"
        await say(session, "/compact --undo", "six")
        assert contents(world)[0].startswith("one word")
        session.open(await session.ports.store.load(kept))
        await say(session, "seven")
        assert contents(world)[0].startswith("one word")
        assert errors(await say(session, "/compact --undo")) == ["there is no summary to undo"]


async def test_a_later_summary_takes_in_the_one_before() -> None:
    world = small_world(budget=900)
    async with world.opened() as session:
        await say(session, f"one {LONG}", f"two {LONG}", "three")
        world.model.scripts = [answer("alpha")]
        await say(session, "/compact")
        await say(session, f"four {LONG}", "five")
        world.model.scripts = [answer("beta")]
        await say(session, "/compact")
        assert "alpha" in str(world.model.requests[-1].body)
        assert "one word" not in str(world.model.requests[-1].body)
        await say(session, "six")
        assert sent_texts(world)[0] == ("user", "[Summary of the conversation so far]\n\nbeta")
        assert "alpha" not in str(sent_texts(world))
        await say(session, "/compact --undo", "seven")
        assert "alpha" in str(sent_texts(world)[0])


async def test_pinned_and_dropped_turns_are_not_summarised() -> None:
    world = small_world(budget=900)
    async with world.opened() as session:
        await say(session, "one keep", f"two {LONG}", "three secret", "four")
        await say(session, "/pin 1", "/drop 5")
        world.model.scripts = [answer("brief")]
        await say(session, "/compact")
        asked = str(world.model.requests[-1].body)
        assert "one keep" not in asked
        assert "three secret" not in asked
        await say(session, "five")
        said = contents(world)
        assert said[:2] == ["one keep", "ok"]
        assert "[Summary of the conv" in said
        assert not any("secret" in text for text in said)


async def test_a_conversation_larger_than_the_window_is_summarised_in_parts() -> None:
    world = small_world()
    async with world.opened() as session:
        await say(session, *(f"turn{number} {LONG}" for number in range(12)))
        before = len(world.model.requests)
        world.model.scripts = [answer(f"part {number}") for number in range(20)]
        events = await say(session, "/compact")
        asked = world.model.requests[before:]
        assert len(asked) > 2
        for request in asked:
            assert len(str(request.body["messages"]).split()) < 450
        assert all(any(f"turn{n} " in str(r.body) for r in asked) for n in range(8))
        assert [e for e in events if isinstance(e, Progress)]


async def test_a_message_larger_than_the_window_is_summarised_in_parts_too() -> None:
    world = small_world(budget=1000)
    async with world.opened() as session:
        await say(session, "word " * 800, "two")
        await say(session, "/budget 300")
        before = len(world.model.requests)
        await say(session, "/compact")
        asked = world.model.requests[before:]
        assert len(asked) > 2
        for request in asked:
            assert len(str(request.body["messages"]).split()) < 250


async def test_a_failed_summary_changes_nothing() -> None:
    world = small_world(budget=900)
    async with world.opened() as session:
        await say(session, f"one {LONG}", "two")
        world.model.scripts = [[ModelError("overloaded", fault=Fault.SERVER)], answer("")]
        assert errors(await say(session, "/compact")) == ["overloaded"]
        assert errors(await say(session, "/compact")) == ["the model wrote no summary"]
        world.model.scripts = [answer("far too long " * 200)]
        events = await say(session, "/compact")
        assert "no shorter" in notices(events)[-1]
        await say(session, "three")
        assert contents(world)[0].startswith("one word")


async def test_compact_tells_that_there_is_nothing_to_summarise() -> None:
    world = small_world()
    async with world.opened() as session:
        assert notices(await say(session, "/compact")) == ["there is nothing to summarise"]
        await say(session, "one")
        assert notices(await say(session, "/compact")) == ["there is nothing to summarise"]


async def test_on_overflow_compact_summarises_before_the_request_leaves() -> None:
    world = small_world(on_overflow="compact")
    async with world.opened() as session:
        await say(session, *(f"{name} {LONG}" for name in ("one", "two", "three", "four")))
        world.model.scripts = [answer("in short"), answer("in short"), answer("fine")]
        events = await say(session, f"five {LONG}")
        assert any("tokens became" in text for text in notices(events))
        assert not any("no longer fit" in text for text in notices(events))
        assert "in short" in str(sent_texts(world)[0])
        assert contents(world)[-1].startswith("five")


async def test_on_overflow_compact_leaves_out_where_no_summary_comes() -> None:
    world = small_world(on_overflow="compact")
    async with world.opened() as session:
        await say(session, *(f"{name} {LONG}" for name in ("one", "two", "three", "four")))
        world.model.scripts = [[ModelError("no", fault=Fault.BAD_REQUEST)], answer("fine")]
        events = await say(session, f"five {LONG}")
        assert notices(events)[0] == "no summary: no; the oldest turns are left out instead"
        assert contents(world)[0].startswith("two")


async def test_on_overflow_ask_asks_once_for_a_conversation() -> None:
    world = small_world(on_overflow="ask")
    async with world.opened() as session:
        names = ("one", "two", "three", "four", "five", "six")
        await say(session, *(f"{name} {LONG}" for name in names))
        assert len(world.person.confirmed) == 1
        assert "summarise " in world.person.confirmed[0]
        # A question has one row of the screen, its choices included.
        assert len(f"{world.person.confirmed[0]} [y/N]") <= 60
        await say(session, "/new")
        world.person.says_yes = True
        world.model.scripts = [*(answer("ok") for _ in range(4)), answer("short"), answer("short")]
        await say(session, *(f"{name} {LONG}" for name in names[:5]))
        assert len(world.person.confirmed) == 2
        assert "short" in str(sent_texts(world)[0])


async def test_context_shows_the_summary_and_what_it_stands_for() -> None:
    world = small_world(budget=900)
    async with world.opened() as session:
        await say(session, f"one {LONG}", "two")
        world.model.scripts = [answer("brief")]
        await say(session, "/compact")
        events = await say(session, "/context")
        table = next(event for event in events if isinstance(event, Table))
        assert [(row[0], row[1], row[3]) for row in table.rows] == [
            ("1", "user", "summarised"),
            ("2", "assistant", "summarised"),
            ("", "user", "summary"),
            ("3", "user", "in"),
            ("4", "assistant", "in"),
        ]
        shown = (await say(session, "/context --json"))[0]
        assert isinstance(shown, PlainText)
        told = json.loads(shown.text)
        assert sum(row["tokens"] for row in told["messages"] if row["in"]) + 3 == told["tokens"]


async def test_a_summary_is_no_answer_among_others() -> None:
    world = small_world(budget=900)
    async with world.opened() as session:
        await say(session, f"one {LONG}", "two")
        world.model.scripts = [answer("brief")]
        await say(session, "/compact")
        children = [
            child
            for message in session.conversation.all()
            for child in session.conversation.children(message.id)
        ]
        assert not any(child.summary_of for child in children)
        assert any(
            e.level is Level.SUCCESS
            for e in await say(session, "/compact --undo")
            if isinstance(e, Notice)
        )


async def test_a_transcript_counts_no_summary_among_the_messages_on_other_branches() -> None:
    world = small_world(budget=900)
    async with world.opened() as session:
        await say(session, f"one {LONG}", f"two {LONG}", "three")
        world.model.scripts = [answer("short")]
        await say(session, "/compact", "/export x.md", "/retry", "/export y.md")
        assert "other branches" not in world.files.files["x.md"]
        assert "1 message on other branches" in world.files.files["y.md"]


async def test_attached_texts_go_into_a_summary_cut_where_they_are_long() -> None:
    world = World(catalog=FixedCatalog(100_000))
    world.files.files = {"notes.txt": "the code is 4711 ", "long.txt": "beginning " + "x" * 20_000}
    async with world.opened() as session:
        await say(session, "/file notes.txt long.txt", "read these", "and now this")
        await say(session, "/compact")
        asked = str(world.model.requests[-1].body["messages"])
        assert "notes.txt:" in asked
        assert "the code is 4711" in asked
        assert "beginning" in asked
        assert "12,010 more characters" in asked
        assert len(asked) < 10_000
