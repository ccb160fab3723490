"""Commands about sessions on disk: /save, /load, /sessions, /export."""

from collections.abc import AsyncIterator, Sequence
from pathlib import PurePath

from chatrepl.core import library
from chatrepl.core.commands.arguments import Call, Value
from chatrepl.core.errors import UsageError
from chatrepl.core.events import (
    ConversationShown,
    Event,
    Level,
    Notice,
    SessionChanged,
    Table,
)
from chatrepl.core.messages import SessionSummary
from chatrepl.core.session import Session

__all__ = ["choose_at_start", "export", "load", "resume", "save", "sessions", "written"]

_SHOWN_TURNS = 3
_SUFFIXES = (".md", ".json", ".html")


async def save(call: Call) -> AsyncIterator[Event]:
    """/save: name this session, or write a transcript where a file is named."""
    session, name = call.session, call.rest
    if _is_file(name):
        async for event in export(call):
            yield event
        return
    if not name:
        shown = session.name or (session.record.title if session.record else "nothing yet")
        state = "saved" if session.keeper.is_saved else "NOT SAVED"
        yield Notice(f"{state}: {shown}", hint="/save NAME gives it a name")
        return
    await library.rename(session, name)
    yield SessionChanged(session.record)
    for notice in session.take_notices():
        yield notice
    if session.record is None:
        yield Notice(f"this session will be saved as “{name}”", Level.SUCCESS)
    elif session.keeper.is_saved:
        yield Notice(f"saved as “{name}”", Level.SUCCESS, hint=f"chatrepl -r {_quoted(name)}")


async def load(call: Call) -> AsyncIterator[Event]:
    """/load: go on with a saved session, or with a transcript from a file."""
    session, name = call.session, call.rest
    if not name:
        async for event in sessions(call):
            yield event
        yield Notice("/load NAME goes on with one of them")
        return
    if await session.ports.store.find(name) is None and (
        _is_file(name) or session.ports.files.names_file(name)
    ):
        async for event in _import(session, name):
            yield event
        return
    async for event in choose_at_start(session, library.Choice(existing=name)):
        yield event


async def choose_at_start(
    session: Session, choice: library.Choice, *, must_exist: bool = False
) -> AsyncIterator[Event]:
    """Go on with the session that is asked for, or begin a new one."""
    record = await library.find(session, choice)
    if record is not None:
        async for event in resume(session, record.id):
            yield event
    elif must_exist:
        raise UsageError("there is no such session", "chatrepl --list-sessions")
    elif choice.newest:
        yield Notice("no session is saved yet: this is a new one")


async def resume(session: Session, session_id: str) -> AsyncIterator[Event]:
    """Go on with a session on disk, and show its last turns."""
    recovered = await session.open(session_id)
    if not await session.ports.store.lock(session_id):
        library.fork(session)
        yield Notice("this session is open in another terminal: going on in a copy", Level.WARNING)
    yield SessionChanged(session.record)
    turns = session.conversation.turns()
    hidden = len(turns) - _SHOWN_TURNS
    if hidden > 0:
        earlier = "one earlier turn" if hidden == 1 else f"{hidden} earlier turns"
        yield Notice(f"… {earlier}", hint="/history shows all")
    yield ConversationShown([m for turn in turns[-_SHOWN_TURNS:] for m in turn.messages])
    assert session.record is not None
    count = len(session.conversation.path)
    messages = "1 message" if count == 1 else f"{count} messages"
    yield Notice(f"going on with “{session.name or session.record.title}”, {messages}")
    if recovered:
        yield Notice("an answer that was cut short is recovered, as far as it came", Level.WARNING)


async def sessions(call: Call) -> AsyncIterator[Event]:
    """/sessions: list the saved sessions, newest first."""
    words = call.rest.replace("--deleted", "").strip()
    deleted = "--deleted" in call.words
    listed = await call.session.ports.store.sessions(words, deleted=deleted, limit=200)
    if not listed:
        yield Notice("no session matches" if words else "no session is saved yet")
        return
    yield session_table(listed)


def session_table(listed: Sequence[SessionSummary]) -> Table:
    """Lay out a list of sessions."""
    return Table(
        ("session", "last used", "messages", "model", "first words"),
        [
            (
                summary.name or summary.id[:8],
                summary.updated.strftime("%Y-%m-%d %H:%M"),
                str(summary.message_count),
                summary.model or "",
                summary.first_words,
            )
            for summary in listed
        ],
        numeric=frozenset({2}),
    )


async def export(call: Call) -> AsyncIterator[Event]:
    """/export: write the conversation to a .md, .json or .html file."""
    session, path = call.session, call.rest
    if not _is_file(path):
        raise UsageError("/export wants a file that ends in .md, .json or .html", "/export FILE.md")
    if not session.conversation.path:
        raise UsageError("there is nothing to write yet")
    text = written(session, PurePath(path).suffix.lower())
    where = await session.ports.files.write(path, text)
    yield Notice(f"wrote {where}", Level.SUCCESS)


def written(session: Session, suffix: str) -> str:
    """Write a session as a transcript: ``.md``, ``.html``, else JSON."""
    from chatrepl.core import transcript

    one = library.transcript_of(session)
    match suffix:
        case ".md":
            return transcript.to_markdown(one)
        case ".html":
            return transcript.to_html(one, session.ports.html)
        case _:
            return transcript.to_json(one)


async def _import(session: Session, path: str) -> AsyncIterator[Event]:
    from chatrepl.core import transcript

    text = await session.ports.files.read(path)
    found = transcript.from_json(text, new_id=session.ports.new_id, now=session.ports.clock.now())
    for number, one in enumerate(found):
        await library.adopt(session, one, PurePath(path).stem if number == 0 else "")
    if len(found) > 1:
        yield Notice(f"{len(found)} conversations came in; this is the last", Level.SUCCESS)
    assert session.record is not None
    async for event in resume(session, session.record.id):
        yield event


def complete_sessions(session: Session, _text: str) -> Sequence[Value]:
    """Offer the sessions seen last."""
    return [Value(name, title) for name, title in session.known_sessions]


def _is_file(name: str) -> bool:
    return PurePath(name).suffix.lower() in _SUFFIXES


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
