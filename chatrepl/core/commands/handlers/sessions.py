"""Handlers for sessions on the disk: /save, /load, /sessions, /export."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import PurePath

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.commands.handlers.library import import_file, opened_notice
from chatrepl.core.conversation.branches import newest_end
from chatrepl.core.errors import ChatreplError, UsageError
from chatrepl.core.events import (
    ConversationShown,
    DraftReturned,
    Event,
    Level,
    Notice,
    SessionChanged,
    Table,
)
from chatrepl.core.messages import SearchHit, SessionSummary
from chatrepl.core.session import Session
from chatrepl.core.sessions import library
from chatrepl.core.sessions.server_return import check_allowed, choose_server, use_server
from chatrepl.core.text.excerpts import first_words

_SHOWN_TURNS = 3
_LISTED = 20
_WORDS_CHARS = 50
_SUFFIXES = (".md", ".json", ".html")


async def save(call: Call) -> AsyncIterator[Event]:
    """/save: name this session; or, if the name is a file's, write a transcript."""
    session, name = call.session, call.rest
    if _is_file(name):
        async for event in export(call):
            yield event
        return
    if not name:
        shown = session.name or (session.record.title if session.record else "nothing yet")
        state = "saved" if session.autosave.is_saved else "NOT SAVED"
        if session.disk_store is not None:
            state = "not saved (--no-save)"
        yield Notice(f"{state}: {shown}", hint="/save NAME gives it a name")
        return
    await library.check_name_free(session, name)
    await library.start_saving(session)
    await library.rename(session, name)
    yield SessionChanged(session.record)
    if session.record is None:
        yield Notice(f"this session will be saved as “{name}”", Level.SUCCESS)
    elif session.autosave.is_saved:
        yield Notice(f"saved as “{name}”", Level.SUCCESS, hint=f"chatrepl -r {_quoted(name)}")


async def load(call: Call) -> AsyncIterator[Event]:
    """/load: open a session by name, id or number in the last list; or import a transcript."""
    session, name = call.session, call.rest
    if not name:
        events = _choose_from_menu(session)
    else:
        record = await session.ports.store.find(name)
        is_name = record is not None and record.name == name
        listed = None if is_name else session.listed_at(name)
        if isinstance(listed, SearchHit):
            events = resume(session, listed.session_id, at=listed.message_id)
        elif listed is not None:
            restored = await library.restore(session, listed)
            events = resume(session, restored.id if restored else listed)
        elif record is None and (_is_file(name) or session.ports.files.names_file(name)):
            events = import_file(session, name, goes_on=True)
        else:
            events = resume(session, await _found_id(session, name))
    async for event in events:
        yield event


async def _found_id(session: Session, name: str) -> str:
    """Return the id of the session of that name, else of the only one that a search finds."""
    try:
        record = await library.find(session, library.SessionChoice(existing=name))
        assert record is not None
        return record.id
    except UsageError:
        found = [row for store in session.stores for row in await store.sessions(name, limit=2)]
        if len(found) != 1:
            raise
        return found[0].id


async def _choose_from_menu(session: Session) -> AsyncIterator[Event]:
    """Open the menu of sessions, a completion of the input line; without a line, list them."""
    if not session.ports.person.has_input_line:
        async for event in _list(session, "", deleted=False, everything=False):
            yield event
        return
    await session.list_known()
    if not session.known_sessions:
        yield Notice("no session is saved yet")
        return
    yield Notice("choose a session: type some of its name, then Tab or the arrows, Enter")
    yield DraftReturned("/load ", offers=True)


async def choose_at_start(
    session: Session, choice: library.SessionChoice, *, only_reads: bool = False
) -> AsyncIterator[Event]:
    """Open the session that the command line chooses, or start a new one.

    ``only_reads``: nothing will be sent, whatever the server; the session must exist, else raises
    ``UsageError``.
    """
    if choice.pick:
        async for event in _choose_from_menu(session):
            yield event
        return
    record = await library.find(session, choice)
    if record is not None:
        async for event in resume(session, record.id, only_reads=only_reads):
            yield event
    elif only_reads:
        raise UsageError("there is no such session", "chatrepl --list-sessions")
    elif choice.newest:
        yield Notice("no session is saved yet: this is a new one")


async def resume(
    session: Session, session_id: str, at: str = "", *, only_reads: bool = False
) -> AsyncIterator[Event]:
    """Open a session on the disk, and show its last turns, or those around the message ``at``.

    The server that it goes on with is chosen first. Raises ``UsageError`` for one that is refused.
    """
    store, current = session.ports.store, session.record
    if current is not None and current.id == session_id and not session.autosave.is_saved:
        raise UsageError("this session is open here, and not saved yet", "/history shows it")
    session_id, at = await library.copy_from_disk(session, session_id, at)
    is_free = await store.lock(session_id)
    try:
        loaded = await store.load(session_id)
        server = await choose_server(session, loaded.record, only_reads=only_reads)
        for notice in server.warnings:
            yield notice
        await check_allowed(session, loaded.record, server)
    except (ChatreplError, asyncio.CancelledError):
        if current is not None:
            await store.lock(current.id)
        raise
    session.open(loaded)
    use_server(session, server)
    # What the disk says of the session stands below the conversation, not above it.
    notices = session.take_notices()
    if not is_free:
        library.fork(session)
        yield Notice("this session is open in another terminal: going on in a copy", Level.WARNING)
    yield SessionChanged(session.record)
    if at:
        await _bring_onto_path(session, at)
    for event in _shown_turns(session, at):
        yield event
    for notice in (*notices, opened_notice(session), *server.notices):
        yield notice
    if loaded.recovered:
        yield Notice("an answer that was cut short is recovered, as far as it came", Level.WARNING)


async def _bring_onto_path(session: Session, message_id: str) -> None:
    """Move the head to the branch of a message that is not on the current path."""
    conversation = session.conversation
    if message_id in conversation and message_id not in {m.id for m in conversation.path}:
        await session.save_head(newest_end(conversation, message_id))


def _shown_turns(session: Session, at: str) -> list[Event]:
    """Return the events that show the last turns, or those around a message."""
    turns = session.conversation.turns()
    found = (n for n, turn in enumerate(turns) if any(m.id == at for m in turn.messages))
    place = next(found, None)
    first = max(0, len(turns) - _SHOWN_TURNS if place is None else place - 1)
    shown = turns[first : first + _SHOWN_TURNS]
    later = len(turns) - first - len(shown)
    events: list[Event] = []
    if first:
        events.append(Notice(f"… {_turns(first)} before", hint="/history shows all"))
    events.append(ConversationShown([m for turn in shown for m in turn.messages]))
    if later:
        events.append(Notice(f"… {_turns(later)} after, where you go on", hint="/history, /edit N"))
    return events


def _turns(count: int) -> str:
    return "one turn" if count == 1 else f"{count} turns"


def sessions(call: Call) -> AsyncIterator[Event]:
    """/sessions: list the saved sessions, newest first: twenty, or all of them."""
    words = call.rest.split()
    deleted, everything = "--deleted" in words, "--all" in words
    wanted = " ".join(word for word in words if word not in ("--deleted", "--all"))
    return _list(call.session, wanted, deleted=deleted, everything=everything)


async def _list(
    session: Session, wanted: str, *, deleted: bool, everything: bool
) -> AsyncIterator[Event]:
    limit = 0 if everything else _LISTED + 1
    listed = [
        summary
        for store in session.stores
        for summary in await store.sessions(wanted, deleted=deleted, limit=limit)
    ]
    if not listed:
        where = "in the bin" if deleted else "saved yet"
        yield Notice("no session matches" if wanted else f"no session is {where}")
        return
    shown = listed if everything else listed[:_LISTED]
    session.listed = [summary.id for summary in shown]
    back = "brings one back" if deleted else "goes on with one"
    footer = [f"/load NUMBER or NAME {back}"]
    if len(shown) < len(listed):
        footer.append("there are more: /sessions --all, or /sessions WORDS")
    yield _table(shown, footer)


def _table(listed: Sequence[SessionSummary], footer: Sequence[str]) -> Table:
    return Table(
        ("#", "session", "last used", "messages", "size", "model", "first words"),
        [
            (
                str(number),
                summary.name or summary.id[:8],
                summary.updated.strftime("%Y-%m-%d %H:%M"),
                str(summary.message_count),
                _size(summary.size_bytes),
                summary.model or "",
                _first_words(summary),
            )
            for number, summary in enumerate(listed, 1)
        ],
        numeric=frozenset({0, 3, 4}),
        footer=footer,
    )


def _first_words(summary: SessionSummary) -> str:
    """Return the beginning of a session, after its title if that is not the same words."""
    words = first_words(summary.first_words, _WORDS_CHARS)
    title = " ".join(summary.title.split())
    if words.startswith(title.removesuffix("…")):
        return words
    return first_words(f"{title} — {words}", _WORDS_CHARS)


def _size(size_bytes: int) -> str:
    if size_bytes < 1000:
        return f"{size_bytes} B"
    kilobytes = size_bytes / 1000
    return f"{kilobytes:.0f} kB" if kilobytes < 1000 else f"{kilobytes / 1000:.1f} MB"


async def export(call: Call) -> AsyncIterator[Event]:
    """/export: write the conversation to a .md, .json or .html file."""
    session, path = call.session, call.rest
    if not _is_file(path):
        raise UsageError("/export wants a file that ends in .md, .json or .html", "/export FILE.md")
    if not session.conversation.path:
        raise UsageError("there is nothing to write yet")
    text = await transcript_text(session, PurePath(path).suffix.lower())
    where = await session.ports.files.write(path, text)
    yield Notice(f"wrote {where}", Level.SUCCESS)


async def transcript_text(session: Session, suffix: str) -> str:
    """Return a session as the text of a transcript: ``.md``, ``.html``, else JSON."""
    from chatrepl.core.transcript import to_html, to_json, to_markdown

    transcript, html = library.transcript_of(session), session.ports.html
    # In a thread: the prompt must answer while a long conversation is written.
    match suffix:
        case ".md":
            return await asyncio.to_thread(to_markdown, transcript)
        case ".html":
            return await asyncio.to_thread(to_html, transcript, html)
        case _:
            return await asyncio.to_thread(to_json, transcript)


def complete_sessions(session: Session, _text: str) -> Sequence[Value]:
    """Offer the sessions that were used last."""
    return [Value(name, title) for name, title in session.known_sessions]


def complete_list(_session: Session, text: str) -> Sequence[Value]:
    """Offer the options of the list."""
    if text and not text.rpartition(" ")[2].startswith("-"):
        return ()
    return [Value("--all", "not only the newest 20"), Value("--deleted", "those in the bin")]


def _is_file(name: str) -> bool:
    return PurePath(name).suffix.lower() in _SUFFIXES


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
