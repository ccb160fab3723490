"""Handlers for the library of sessions: /fork, /rename, /delete, /search, /import."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
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


_HITS = 20
_SHOWN_TURNS = 3


async def fork(call: Call) -> AsyncIterator[Event]:
    """/fork: continue in a copy of this session, under a name if one is given."""
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
    yield Notice(f"going on in a copy; “{old}” stays as it is", Level.SUCCESS)


async def rename(call: Call) -> AsyncIterator[Event]:
    """/rename: give this session a name."""
    session, name = call.session, call.rest
    if not name:
        raise UsageError("/rename wants a name", "/rename NAME")
    await library.rename(session, name)
    yield SessionChanged(session.record)
    yield Notice(f"this session is named “{name}”", Level.SUCCESS)


async def delete(call: Call) -> AsyncIterator[Event]:
    """/delete: put a session in the bin, if the user confirms; /load restores it for 30 days."""
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
    """/search: list the messages of all sessions that contain all the words."""
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


@dataclass(slots=True)
class _Import:
    """Progress of the import of a file."""

    count: int = 0
    last: "Transcript | None" = None
    """The last conversation read, which is not on the disk yet."""
    faults: list[UsageError] = field(default_factory=list)
    """Errors of the conversations that are left out."""


def import_(call: Call) -> AsyncIterator[Event]:
    """/import: import the conversations of a file, and continue with the only one."""
    if not call.rest:
        raise UsageError(
            "/import wants a file",
            "chatrepl's JSON, API messages, ChatGPT's conversations.json, or llm's logs.db",
        )
    return import_file(call.session, call.rest, goes_on=False)


async def import_file(session: Session, path: str, *, goes_on: bool) -> AsyncIterator[Event]:
    """Import all conversations of a file; continue with the only one, or, if wanted, the last.

    A stop, or a fault in the middle of the file, ends the import, and keeps what came before it. A
    conversation that is damaged by itself is left out. Raises ``UsageError`` if all are.
    """
    read = _Import()
    fault: ChatreplError | None = None
    try:
        async for event in session.stoppable(partial(_import_all, session, path, read)):
            yield event
    except ChatreplError as error:
        fault = error
    yield Progress("", 1, 1)
    last, count = read.last, read.count
    if read.faults and last is None and fault is None:
        raise read.faults[0]
    if last is not None and (count == 1 or (goes_on and fault is None)):
        name = PurePath(path).stem if count == 1 else ""
        async for event in _continue_with(session, last, name):
            yield event
    elif last is not None:
        await library.save_transcript(session, last)
    for notice in _outcome(read, fault):
        yield notice
    await session.list_known()


def _outcome(read: _Import, fault: ChatreplError | None) -> Iterator[Notice]:
    """Yield what was left out of an import, what ended it early, and what it brought."""
    if read.faults:
        many = f"{len(read.faults):,} conversations are left out, the first because"
        left_out = "one conversation is left out:" if len(read.faults) == 1 else many
        yield Notice(f"{left_out} {read.faults[0].message}", Level.WARNING)
    if fault is not None:
        yield Notice.of(fault)
    if read.count > 1:
        yield Notice(
            f"{read.count:,} conversations came in",
            Level.SUCCESS if fault is None else Level.WARNING,
            hint="/sessions --all lists them, /search looks into them",
        )


async def _import_all(session: Session, path: str, read: _Import, events: EventQueue) -> None:
    """Write all conversations of a file but the last to the disk, and queue the progress."""
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
            await _finish_uncancelled(library.save_transcript(session, before))


async def _finish_uncancelled(work: Coroutine[None, None, object]) -> None:
    """Complete some work before a cancellation takes effect."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _continue_with(
    session: Session, transcript: "Transcript", name: str
) -> AsyncIterator[Event]:
    await library.open_transcript(session, transcript, name)
    notices = session.take_notices()
    yield SessionChanged(session.record)
    turns = session.conversation.turns()[-_SHOWN_TURNS:]
    yield ConversationShown([message for turn in turns for message in turn.messages])
    for notice in (*notices, opened_notice(session)):
        yield notice


def opened_notice(session: Session) -> Notice:
    """Make the notice that names the session in use, with its number of messages."""
    assert session.record is not None
    count = len(session.conversation.path)
    messages = "1 message" if count == 1 else f"{count} messages"
    return Notice(f"going on with “{session.name or session.record.title}”, {messages}")
