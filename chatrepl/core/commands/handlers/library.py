"""Commands about other sessions: /fork, /rename, /delete, /search, /import."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from chatrepl.core.commands.command import Call
from chatrepl.core.errors import ChatreplError, UsageError
from chatrepl.core.events import (
    ConversationShown,
    Event,
    Level,
    Notice,
    Progress,
    SessionChanged,
    Table,
)
from chatrepl.core.messages import SearchHit
from chatrepl.core.session import Session
from chatrepl.core.sessions import library
from chatrepl.core.sessions.imports import read_conversations
from chatrepl.core.turn.event_queue import EventQueue

if TYPE_CHECKING:
    from chatrepl.core.transcript import Transcript

__all__ = ["delete", "fork", "going_on", "import_", "read_file", "rename", "search"]

_HITS = 20
_SHOWN_TURNS = 3


async def fork(call: Call) -> AsyncIterator[Event]:
    """/fork: go on in a copy of this session, under a name if one is given."""
    session, name = call.session, call.rest
    if session.record is None:
        raise UsageError("there is nothing to copy yet", "say something first")
    if name:
        await library.check_name_free(session, name, is_for_copy=True)
    old = session.name or session.record.title
    library.fork(session)
    session.name = name or None
    await session.save_settings()
    yield SessionChanged(session.record)
    for notice in session.take_notices():
        yield notice
    yield Notice(f"going on in a copy; “{old}” stays as it is", Level.SUCCESS)


async def rename(call: Call) -> AsyncIterator[Event]:
    """/rename: give this session a name."""
    session, name = call.session, call.rest
    if not name:
        raise UsageError("/rename wants a name", "/rename NAME")
    await library.rename(session, name)
    yield SessionChanged(session.record)
    for notice in session.take_notices():
        yield notice
    yield Notice(f"this session is named “{name}”", Level.SUCCESS)


async def delete(call: Call) -> AsyncIterator[Event]:
    """/delete: put a session in the bin, after asking; /load brings it back for 30 days."""
    session, name = call.session, call.rest
    if not name:
        raise UsageError("/delete wants a session's name", "/sessions lists them")
    store = session.ports.store
    record = await store.find(name)
    listed = None if record is not None and record.name == name else session.listed_at(name)
    if listed is not None:
        record = await store.find(listed if isinstance(listed, str) else listed.session_id)
    if record is None:
        raise UsageError(f"there is no session “{name}”", "/sessions lists them")
    shown = record.name or record.title or record.id[:8]
    if not await session.ports.person.confirm(f"Put “{shown}” in the bin?"):
        yield Notice("nothing was deleted")
        return
    await store.delete(record.id)
    if session.record is not None and session.record.id == record.id:
        session.start_new()
        yield SessionChanged(None)
    session.autosave.drop(record.id)
    await session.list_known()
    yield Notice(
        f"“{shown}” is in the bin for 30 days",
        Level.SUCCESS,
        hint=f"/load {record.name or record.id[:8]} brings it back",
    )


async def search(call: Call) -> AsyncIterator[Event]:
    """/search: find messages of all sessions that hold all the words."""
    session = call.session
    if not call.rest:
        raise UsageError("/search wants words to look for", "/search WORDS")
    hits = [hit for store in session.stores for hit in await store.search(call.rest, _HITS)]
    if not hits:
        yield Notice(f"nothing holds “{call.rest}”")
        return
    session.listed = hits = hits[:_HITS]
    yield Table(
        ("#", "session", "date", "role", "words"),
        [_hit_row(number, hit) for number, hit in enumerate(hits, 1)],
        numeric=frozenset({0}),
        footer=(
            "Enter opens the first there, /load NUMBER any"
            if session.ports.person.has_input_line
            else "/load NUMBER opens one there",
        ),
    )


def _hit_row(number: int, hit: SearchHit) -> tuple[str, ...]:
    words = " ".join(f"{hit.before}{hit.match}{hit.after}".split())
    session = hit.session_name or hit.title or hit.session_id[:8]
    return str(number), session, hit.created.strftime("%Y-%m-%d"), hit.role, words


async def import_(call: Call) -> AsyncIterator[Event]:
    """/import: read the conversations of a file; goes on with it where it holds only one."""
    if not call.rest:
        raise UsageError(
            "/import wants a file",
            "chatrepl's JSON, API messages, ChatGPT's conversations.json, or llm's logs.db",
        )
    async for event in read_file(call.session, call.rest, goes_on=False):
        yield event


async def read_file(session: Session, path: str, *, goes_on: bool) -> AsyncIterator[Event]:
    """Bring in all conversations of a file; go on with the only one, or if wanted, the last.

    A fault in the middle of the file, or a stop, is told; what came before it is kept. So is what
    comes after a conversation that is damaged by itself.
    """
    read = _Read()
    fault: ChatreplError | None = None
    try:
        async for event in session.stoppable(partial(_bring_in_all, session, path, read)):
            yield event
    except ChatreplError as error:
        fault = error
    yield Progress("", 1, 1)
    last, count = read.last, read.count
    if read.faults and last is None and fault is None:
        raise read.faults[0]
    if last is not None and (count == 1 or (goes_on and fault is None)):
        async for event in _go_on_with(session, last, _stem(path) if count == 1 else ""):
            yield event
    elif last is not None:
        await library.save_transcript(session, last)
    if read.faults:
        yield _left_out(read.faults)
    if fault is not None:
        yield Notice.of(fault)
    if count > 1:
        yield Notice(
            f"{count:,} conversations came in",
            Level.SUCCESS if fault is None else Level.WARNING,
            hint="/sessions --all lists them, /search looks into them",
        )
    await session.list_known()


def _left_out(faults: Sequence[UsageError]) -> Notice:
    many = f"{len(faults):,} conversations are left out, the first because"
    one = "one conversation is left out:"
    return Notice(f"{one if len(faults) == 1 else many} {faults[0].message}", Level.WARNING)


@dataclass(slots=True)
class _Read:
    """What came out of a file so far."""

    count: int = 0
    last: "Transcript | None" = None
    """The newest, which is not on the disk yet."""
    faults: list[UsageError] = field(default_factory=list)
    """Why others are left out."""


async def _bring_in_all(session: Session, path: str, read: _Read, events: EventQueue) -> None:
    """Put all conversations of a file but the last on the disk."""
    ports = session.ports
    async for item in read_conversations(
        path,
        ports.files,
        ports.logs,
        new_id=ports.new_id,
        now=ports.clock.now(),
        on_fault=read.faults.append,
    ):
        if isinstance(item, Progress):
            events.put(item)
            continue
        before, read.last = read.last, item
        read.count += 1
        if before is not None:
            await _to_the_end(library.save_transcript(session, before))


async def _to_the_end(work: Coroutine[None, None, object]) -> None:
    """Do some work wholly, also where a stop comes in between."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _go_on_with(
    session: Session, transcript: "Transcript", name: str
) -> AsyncIterator[Event]:
    await library.open_transcript(session, transcript, name)
    yield SessionChanged(session.record)
    turns = session.conversation.turns()[-_SHOWN_TURNS:]
    yield ConversationShown([message for turn in turns for message in turn.messages])
    for notice in going_on(session):
        yield notice


def going_on(session: Session) -> Iterator[Notice]:
    """Tell what there was to opening a session, and which it is."""
    assert session.record is not None
    yield from session.take_notices()
    count = len(session.conversation.path)
    messages = "1 message" if count == 1 else f"{count} messages"
    yield Notice(f"going on with “{session.name or session.record.title}”, {messages}")


def _stem(path: str) -> str:
    return PurePath(path).stem
