"""Talk with a session on fakes, and look at its requests, its conversation and its record."""

from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.events import Event
from chatrepl.core.messages import Message, State
from chatrepl.core.session import Session
from tests.support.fakes import World

__all__ = [
    "collect",
    "contents",
    "path_texts",
    "saved_answers",
    "say",
    "sent_texts",
    "siblings",
]


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    """Await all events."""
    return [event async for event in events]


async def say(session: Session, *lines: str) -> list[Event]:
    """Handle lines one after the other, and return the events of all."""
    events: list[Event] = []
    for line in lines:
        events += await collect(handle_line(session, line))
    return events


def sent_texts(world: World, number: int = -1) -> list[tuple[str, str]]:
    """Return role and content of the messages of one request."""
    messages = world.model.requests[number].body["messages"]
    assert isinstance(messages, list)
    pairs = []
    for message in messages:
        assert isinstance(message, dict)
        pairs.append((str(message["role"]), str(message["content"])))
    return pairs


def path_texts(session: Session) -> list[str]:
    """Return the texts of the conversation, up to its head."""
    return [message.content for message in session.conversation.path]


def siblings(session: Session) -> list[Message]:
    """Return all answers to the last question."""
    question = session.conversation.last_question()
    assert question is not None
    return list(session.conversation.children(question.id))


def contents(messages: Sequence[Message]) -> list[tuple[str, State]]:
    """Return content and state of each message."""
    return [(message.content, message.state) for message in messages]


async def saved_answers(world: World, session: Session) -> list[Message]:
    """Return the answers in the session's record, whose head must be the session's."""
    assert session.record is not None
    loaded = await world.store.load(session.record.id)
    assert loaded.record.head == session.conversation.head
    return [message for message in loaded.messages if message.role == "assistant"]
