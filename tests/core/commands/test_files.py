"""Attached files: names in a message, ``/file``, ``/write``, and their tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.commands.completion import complete
from chatrepl.core.context.request_body import BodyWriter
from chatrepl.core.conversation.attachments import image_attachment, text_attachment, with_files
from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import DraftReturned, Level, MessageAccepted, Notice, Table
from chatrepl.core.messages import Message
from chatrepl.core.sessions.library import transcript_of
from chatrepl.core.transcript import from_json, to_json
from tests.support.events import notices, tables
from tests.support.fakes import StepClock, World, answer
from tests.support.session_talk import say

NOW = StepClock().now()


def world_with(**files: str) -> World:
    world = World()
    world.files.files.update({name.replace("_", "."): text for name, text in files.items()})
    return world


def last_sent(world: World) -> object:
    messages = world.model.requests[-1].body["messages"]
    assert isinstance(messages, list)
    message = messages[-1]
    assert isinstance(message, dict)
    return message["content"]


async def test_a_named_file_goes_with_the_message_and_the_words_stay_as_they_are() -> None:
    world = world_with(notes_txt="alpha beta\n")
    async with world.opened() as session:
        events = await say(session, "sum up (@notes.txt), please: see @notes.txt.")
        expected = (
            "sum up (@notes.txt), please: see @notes.txt.\n\nnotes.txt:\n```txt\nalpha beta\n```"
        )
        assert last_sent(world) == expected
        accepted = next(event for event in events if isinstance(event, MessageAccepted))
        assert accepted.message.content == "sum up (@notes.txt), please: see @notes.txt."
        assert "attached notes.txt: 11 bytes, 2 tokens" in notices(events)


@pytest.mark.parametrize(
    "text",
    [
        "write to me@notes.txt",
        "@property\ndef x(self): ...",
        "@user what about @types/node",
        "@notes",
        '@"notes"',
        "@",
        " @notes.txt is a name",
        "x@notes.txt",
    ],
)
async def test_a_text_that_merely_holds_a_name_is_sent_as_it_is(text: str) -> None:
    world = world_with(notes_txt="alpha")
    async with world.opened() as session:
        events = await say(session, text)
    assert last_sent(world) == text.lstrip(" ")
    assert not [text for text in notices(events) if "attach" in text]


@given(st.text(alphabet='@ab."/ \n(),', min_size=1, max_size=30))
async def test_a_text_that_names_no_file_is_sent_unchanged(text: str) -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "x" + text)
    assert last_sent(world) == "x" + text


async def test_names_with_blanks_are_quoted_and_a_file_twice_named_goes_once() -> None:
    world = World()
    world.files.files["my notes.md"] = "text"
    async with world.opened() as session:
        await say(session, 'read @"my notes.md" and @"my notes.md"')
    assert str(last_sent(world)).count("```md") == 1


async def test_a_file_attached_by_command_goes_with_the_next_message_only() -> None:
    world = world_with(a_txt="one", b_txt="two")
    async with world.opened() as session:
        assert notices(await say(session, "/file a.txt b.txt")) == [
            "a.txt: 3 bytes, 1 tokens",
            "b.txt: 3 bytes, 1 tokens",
        ]
        assert len(notices(await say(session, "/file"))) == 2
        await say(session, "first")
        assert "```txt\none\n```\n\nb.txt:" in str(last_sent(world))
        await say(session, "second")
        assert last_sent(world) == "second"
        await say(session, "/file a.txt", "/file --clear", "third")
        assert last_sent(world) == "third"


async def test_a_file_that_cannot_be_read_is_told_and_nothing_is_sent() -> None:
    world = world_with(a_txt="one")
    async with world.opened() as session:
        events = await say(session, "/file nowhere.txt")
        assert [e.level for e in events if isinstance(e, Notice)] == [Level.ERROR]
        assert session.pending == ()
        assert world.model.requests == []


async def test_a_message_that_does_not_fit_with_its_file_returns_and_stays_attached() -> None:
    world = world_with(big_txt="word " * 9000)
    async with world.opened() as session:
        await say(session, "/file big.txt")
        events = await say(session, "look")
        assert DraftReturned("look") in events
        assert len(session.pending) == 1
        assert world.model.requests == []


async def test_context_shows_what_an_attachment_counts() -> None:
    world = world_with(a_txt="one two three")
    async with world.opened() as session:
        await say(session, "look @a.txt")
        table = next(event for event in await say(session, "/context") if isinstance(event, Table))
        assert table.rows[0][4] == "+a.txt (3)  look @a.txt"
    async with World().opened() as without_file:
        await say(without_file, "look @a.txt")
        [bare] = tables(await say(without_file, "/context"))
    # The name before the fence and both its marks are words too.
    assert int(table.rows[0][2]) == int(bare.rows[0][2]) + 3 + 3


def test_images_travel_as_parts_with_the_reminder_in_the_text() -> None:
    image = image_attachment("cat.png", "data:image/png;base64,AA==", 255)
    text = text_attachment("a.py", "x = '```'")
    message = Message("m", None, "user", "what?", NOW, attachments=(image, text))
    (sent,) = BodyWriter().messages_of([message], "Be kind.")
    assert sent == {
        "role": "user",
        "content": [
            {"type": "text", "text": "what?\n\na.py:\n````py\nx = '```'\n````\n\nBe kind."},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        ],
    }


@given(st.text(max_size=40), st.text(max_size=60))
def test_a_fence_is_longer_than_any_in_the_text(content: str, ticks: str) -> None:
    text = ticks.replace("a", "`") + "```"
    message = Message("m", None, "user", content, NOW, attachments=(text_attachment("f", text),))
    lines = with_files(message).split("\n")
    assert lines[-1].strip("`") == ""
    assert lines[-1] not in text.split("\n")


async def test_attachments_survive_a_transcript() -> None:
    world = world_with(a_txt="one")
    async with world.opened() as session:
        await say(session, "look @a.txt")
        written = to_json(transcript_of(session))
        (again,) = from_json(written, new_id=iter(map(str, range(99))).__next__, now=NOW)
        (question,) = [m for m in again.messages if m.role == "user"]
        assert question.attachments == (text_attachment("a.txt", "one"),)
        assert question.content == "look @a.txt"


async def test_write_saves_answer_or_code_and_replaces_a_file_only_on_yes() -> None:
    world = world_with(there_py="old")
    async with world.opened() as session:
        world.model.scripts = [answer("Here:\n```py\nx = 1\n```\nand\n```py\ny = 2\n```")]
        await say(session, "code", "/write all.md", "/write x.py code 1", "/write there.py code")
        assert world.files.files["x.py"] == "x = 1\n"
        assert world.files.files["all.md"].startswith("Here:\n")
        assert world.files.files["there.py"] == "old"
        world.person.says_yes = True
        await say(session, "/write there.py code")
        assert world.files.files["there.py"] == "y = 2\n"
        (wrong,) = await say(session, "/write")
        assert isinstance(wrong, Notice)
        assert wrong.level is Level.ERROR


def test_paths_are_completed_after_the_sign_and_after_the_command() -> None:
    session = world_with(notes_txt="", news_md="").session()
    session.ports.files.files["my notes"] = ""  # type: ignore[attr-defined]

    def offered(before: str) -> list[tuple[str, int]]:
        return [(suggestion.text, suggestion.start) for suggestion in complete(session, before)]

    assert offered("read @no") == [("@notes.txt", -3)]
    assert offered("two lines\n@ne") == [("@news.md", -3)]
    assert offered("@m") == [('@"my notes"', -2)]
    assert offered('@"my n') == [('@"my notes"', -6)]
    assert offered("/file no") == [("notes.txt", -2)]
    assert offered("me@no") == []


async def test_a_file_attached_by_command_follows_undo_redo_and_edit() -> None:
    world = world_with(a_txt="one", b_txt="two")
    async with world.opened() as session:
        await say(session, "/file a.txt")
        assert "attached a.txt: 3 bytes, 1 tokens" in notices(
            await say(session, "look, and at @b.txt")
        )
        await say(session, "/undo")
        assert [attachment["name"] for attachment in session.pending] == ["a.txt"]
        await say(session, "/redo")
        assert not session.pending
        await say(session, "/edit")
        await say(session, "look again")
        assert "one" in str(last_sent(world))
        assert not session.pending


async def test_a_message_that_failed_gives_its_files_back_once() -> None:
    world = world_with(a_txt="one")
    async with world.opened() as session:
        refused = ModelError("no", fault=Fault.BAD_REQUEST)
        world.model.scripts = [[refused]]
        await say(session, "/file a.txt", "look")
        assert len(session.pending) == 1
        await say(session, "/retry")
        assert str(last_sent(world)).count("```txt") == 1
        assert not session.pending
