"""/compare: the next message goes to several models at the same time."""

from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.errors import ModelError, UsageError
from chatrepl.core.events import Event, Level, Notice
from chatrepl.core.servers.candidates import ask_by_name
from chatrepl.core.servers.selection import LOCAL_PROFILE
from chatrepl.core.session import COMPARING_TOPIC, Session, compared_next

__all__ = ["compare", "complete_asked", "complete_compare"]

_OFF = "off"
_MOST = 8


async def compare(call: Call) -> AsyncIterator[Event]:
    """/compare: choose who the next message goes to; bare, say who that is; ``off`` ends it."""
    session, words = call.session, call.words
    if words == [_OFF]:
        if not session.comparing:
            raise UsageError("nothing is to be compared", "/compare MODEL MODEL")
        session.comparing = ()
        yield Notice("", stays=True, topic=COMPARING_TOPIC)
        yield Notice(f"the next message goes to {session.model_name()} alone")
        return
    if not words:
        if session.comparing:
            yield compared_next(session.comparing)
        else:
            yield Notice(
                "/compare MODEL MODEL … sends the next message to all of them at once",
                hint=f"PROFILE:MODEL asks another server's, {LOCAL_PROFILE}: the built-in model",
            )
        return
    if not 2 <= len(words) <= _MOST:
        raise UsageError(
            f"/compare takes 2 to {_MOST} models", "/retry MODEL asks one for a further answer"
        )
    for word in words:
        # Whoever cannot be asked is told of now, not when the message is written.
        try:
            await ask_by_name(session, word)
        except ModelError as error:
            hint = "it is asked again with the message; the others answer in any case"
            yield Notice(f"{word} cannot be asked now: {error.message}", Level.WARNING, hint)
    session.comparing = tuple(words)
    yield compared_next(words)


def complete_asked(session: Session, _text: str) -> Sequence[Value]:
    """Offer models, and profiles."""
    models = [Value(name) for name in session.answerer.known_models()]
    profiles = session.ports.profiles.names()
    offered = [*models, *(Value(f"{name}:", "that profile's model") for name in profiles)]
    if LOCAL_PROFILE not in profiles:
        offered.append(Value(f"{LOCAL_PROFILE}:", "the built-in model"))
    return offered


def complete_compare(session: Session, text: str) -> Sequence[Value]:
    """Offer models and profiles for each word."""
    off = [Value(_OFF, "the next message goes to one model")] if session.comparing else []
    return [*complete_asked(session, text), *(off if " " not in text.lstrip() else ())]
