"""Notices of a failing disk, in the order of a command's events."""

from collections.abc import Sequence

import pytest

from chatrepl.core.errors import StoreError
from chatrepl.core.events import Event, Notice
from tests.support.fakes import World
from tests.support.session_talk import say

NOT_SAVED = "NOT SAVED: the disk is full"


def shown(events: Sequence[Event]) -> list[str]:
    """Return the texts of notices, and the class names of other events, in order."""
    return [
        event.text if isinstance(event, Notice) else type(event).__name__
        for event in events
        if not isinstance(event, Notice) or event.text
    ]


async def fail(*_: object) -> None:
    raise StoreError("the disk is full")


async def on_full_disk(*lines: str) -> list[str]:
    """Run lines, the last of them where the disk takes nothing more; return what that one shows."""
    world = World()
    async with world.opened() as session:
        await say(session, "one", "two", *lines[:-1])
        for name in ("create", "add", "update", "set_state", "set_marks", "begin_answer"):
            setattr(world.store, name, fail)
        return shown(await say(session, lines[-1]))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["/temperature 0.5"], [NOT_SAVED, "temperature: 0.5"]),
        (["/system be brief"], [NOT_SAVED, "system: be brief"]),
        (["/pin 1"], [NOT_SAVED, "turn of message 1 is pinned: it always goes"]),
        (["/undo"], [NOT_SAVED, "undid one turn", "DraftReturned"]),
        (["/undo", "/redo"], [NOT_SAVED, "ConversationShown"]),
        (["/retry", "/pick 1"], [NOT_SAVED, "ConversationShown", "going on from here"]),
        (
            ["/edit"],
            [
                NOT_SAVED,
                "editing an earlier message: what you send goes beside it",
                "DraftReturned",
            ],
        ),
    ],
)
async def test_a_command_tells_first_that_the_disk_is_full(
    lines: list[str], told: list[str]
) -> None:
    assert await on_full_disk(*lines) == told


async def test_pending_notices_never_come_into_an_answer() -> None:
    told = await on_full_disk("/retry")
    assert told.count(NOT_SAVED) == 1
    answer = told[told.index("AnswerStarted") : told.index("AnswerEnded")]
    assert NOT_SAVED not in answer


async def test_a_session_tells_below_its_conversation_how_it_was_opened() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "one", "two", "three", "four", "/rename old", "/new", "five")
        world.person.says_yes = True
        await say(session, "/delete old")
        events = await say(session, "/load old")
    assert shown(events) == [
        "SessionChanged",
        "… one turn before",
        "ConversationShown",
        "brought back from the bin",
        "going on with “old”, 8 messages",
    ]
