"""The library of sessions: finding, naming, forking, and exchanging them as transcripts."""

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chatrepl.core.conversation.metadata import IMPORTED_FIELD
from chatrepl.core.conversation.tree import Conversation
from chatrepl.core.errors import UsageError
from chatrepl.core.events import Level, Notice
from chatrepl.core.messages import Marks, Message, SessionRecord
from chatrepl.core.ports.storage import Store
from chatrepl.core.sessions.autosave import Autosave
from chatrepl.core.sessions.state import SessionState
from chatrepl.core.text.excerpts import title_of
from chatrepl.core.text.quoting import nearest

if TYPE_CHECKING:
    from chatrepl.core.transcript import Transcript


_NAME_CHARS = 120


@dataclass(frozen=True, slots=True)
class SessionChoice:
    """The session to begin with; at most one of the four is set."""

    newest: bool = False
    """The one that was used last."""
    existing: str | None = None
    """A name (or the beginning of an id) that must exist."""
    named: str | None = None
    """A name; a new session gets it where none has it."""
    pick: bool = False
    """The person chooses from a menu."""


async def find(session: SessionState, choice: SessionChoice) -> SessionRecord | None:
    """Return the chosen session on disk; None: begin a new one.

    Raises ``UsageError`` for a name that must exist and does not.
    """
    stores = session.stores
    if choice.newest:
        return await _first(store.newest() for store in stores)
    if choice.existing is not None:
        name = choice.existing
        record = await _first(store.find(name) for store in stores) or await restore(session, name)
        if record is None:
            listed = [summary for store in stores for summary in await store.sessions()]
            names = [summary.name or summary.title for summary in listed]
            raise UsageError(
                f"there is no session “{choice.existing}”",
                nearest(choice.existing, names) or "chatrepl --list-sessions, or /sessions",
            )
        return record
    if choice.named is not None:
        record = await _first(_named(store, choice.named) for store in stores)
        if record is not None:
            return record
        check_name(choice.named)
        session.name = choice.named
    return None


async def restore(session: SessionState, name: str) -> SessionRecord | None:
    """Restore a session of that name or id from the bin; None: there is none."""
    store = session.ports.store
    record = await store.find(name, deleted=True)
    if record is None:
        return None
    await store.restore(record.id)
    session.autosave.notices.append(Notice("brought back from the bin", Level.SUCCESS))
    return record


async def _first(found: Iterable[Awaitable[SessionRecord | None]]) -> SessionRecord | None:
    """Return the first record that is found; later ones are not looked for."""
    for looking in found:
        record = await looking
        if record is not None:
            return record
    return None


async def _named(store: Store, name: str) -> SessionRecord | None:
    """Return the session of exactly that name, not one whose id begins so."""
    record = await store.find(name)
    return record if record is not None and record.name == name else None


def check_name(name: str) -> None:
    """Raise ``UsageError`` for what cannot be a session's name."""
    if not name.strip() or len(name) > _NAME_CHARS or "\n" in name:
        raise UsageError(f"a session's name has 1 to {_NAME_CHARS} characters, on one line")


def fork(session: SessionState) -> None:
    """Go on in a copy of the session from here; the old one stays as it is.

    The copy has the path with its summaries, no other branches, and is written with the next save.
    """
    assert session.record is not None
    old = session.conversation
    ids = {message.id for message in old.path}
    kept = Marks(old.marks.pinned & ids, old.marks.dropped & ids)
    # The store lets a copy share the path; a summary beside it belongs to one session.
    summaries = [
        replace(_marked_paid(summary), id=session.ports.new_id())
        for summary in old.summaries
        if summary.id not in old.marks.dropped
    ]
    session.switch_to(Conversation([*old.path, *summaries], old.head, kept))
    now = session.ports.clock.now()
    session.record = replace(session.record, id=session.ports.new_id(), name=None, created=now)
    session.autosave.fork(old, session.conversation.marks)
    session.autosave.add(summaries)


async def rename(session: SessionState, name: str) -> None:
    """Name a session. Raises ``UsageError`` for a name that another one has."""
    await check_name_free(session, name)
    session.autosave.claim(name)
    session.name = name
    await session.save_settings()


async def check_name_free(session: SessionState, name: str, *, is_for_copy: bool = False) -> None:
    """Raise ``UsageError`` for what cannot be a name, or is another session's already.

    ``is_for_copy``: the name is for a copy of the session, whose own name is taken as well.
    """
    check_name(name)
    own_id = session.record.id if session.record and not is_for_copy else None
    # A run that is kept off the disk must not begin to be saved under another session's name.
    for store in session.stores:
        taken = await _named(store, name)
        if taken is not None and taken.id != own_id:
            raise UsageError(f"another session is named “{name}”", "choose another name")


async def copy_from_disk(
    session: SessionState, session_id: str, message_id: str
) -> tuple[str, str]:
    """Copy a saved session into a run that is not saved; return the id of what may be opened.

    The copy has ids of its own: what is on the disk stays as it is. The second id is the one of
    ``message_id`` in it; empty where there is none. Raises ``StoreError``.
    """
    from chatrepl.core.transcript import Transcript

    disk = session.disk_store
    if disk is None or await session.ports.store.find(session_id) is not None:
        return session_id, message_id
    loaded = await disk.load(session_id)
    copy = await save_transcript(session, Transcript(loaded.record, loaded.messages, loaded.marks))
    copied = (await session.ports.store.load(copy)).messages
    ids = {old.id: new.id for old, new in zip(loaded.messages, copied, strict=True)}
    return copy, ids.get(message_id, "")


async def save_transcript(session: SessionState, transcript: "Transcript") -> str:
    """Save a transcript as a session of its own; return its id. The current one stays current.

    A name that is taken is left out. The time of its newest message is the one of its last use, so
    that it is not listed before newer sessions. Raises ``StoreError``.
    """
    store = session.ports.store
    transcript = _with_new_ids(session, transcript)
    now = session.ports.clock.now()
    used = max((message.created for message in transcript.messages), default=now)
    record = replace(transcript.record, updated=min(used, now))
    if record.name and await _named(store, record.name) is not None:
        record = replace(record, name=None)
    title = record.title or title_of(transcript.path)
    await store.create(replace(record, title=title), transcript.messages)
    if transcript.marks != Marks():
        await store.set_marks(record.id, transcript.marks)
    return record.id


async def start_saving(session: SessionState) -> None:
    """Save a run from now on that was kept off the disk; the next write includes all of it."""
    if session.disk_store is None:
        return
    memory = session.ports.store
    session.ports = replace(session.ports, store=session.disk_store)
    session.disk_store = None
    session.autosave = Autosave(session.ports.store)
    session.autosave.fork(session.conversation, session.conversation.marks)
    session.autosave.add(session.conversation.all())
    await memory.close()


async def open_transcript(session: SessionState, transcript: "Transcript", name: str) -> None:
    """Make a session of an imported transcript, and go on with it.

    It gets the transcript's own name, else ``name``, where that is free. A server or a key in it
    is not taken over.
    """
    transcript = _with_new_ids(session, transcript)
    wanted = transcript.record.name or name
    is_free = bool(wanted) and await _named(session.ports.store, wanted) is None
    session.start_new(wanted if is_free else None)
    session.conversation = Conversation(
        transcript.messages, transcript.record.head, transcript.marks
    )
    settings = transcript.record.settings
    session.settings = session.settings.for_other_session(settings)
    session.record = replace(
        transcript.record,
        name=session.name,
        title=transcript.record.title or title_of(session.conversation.path),
    )
    record = session.move_head(session.conversation.head)
    await session.autosave.save(record, list(transcript.messages))
    await session.autosave.set_marks(record, transcript.marks)


def _with_new_ids(session: SessionState, transcript: "Transcript") -> "Transcript":
    """Give a transcript new ids, and mark its answers as paid for elsewhere."""
    from chatrepl.core.transcript import with_new_ids

    # Ids are unique in the store, which may be where this very transcript came from.
    transcript = with_new_ids(transcript, session.ports.new_id)
    return replace(transcript, messages=tuple(map(_marked_paid, transcript.messages)))


def _marked_paid(message: Message) -> Message:
    """Mark a copied message as paid for: the cost of its original counts already."""
    if message.usage is None:
        return message
    return replace(message, extra={**message.extra, IMPORTED_FIELD: True})


def unsaved(session: SessionState) -> "list[Transcript]":
    """Return the sessions of this run that are not on disk, or not wholly, as transcripts."""
    from chatrepl.core.transcript import Transcript

    found = [
        Transcript(record, tuple(conversation.all()), conversation.marks)
        for record, conversation in session.autosave.left_unsaved
    ]
    if not session.autosave.is_current_saved:
        found.append(transcript_of(session))
    return found


def transcript_of(session: SessionState) -> "Transcript":
    """Return a session as a transcript, with all its branches."""
    from chatrepl.core.transcript import Transcript

    now = session.ports.clock.now()
    conversation = session.conversation
    record = session.record or SessionRecord(
        id="",
        title=title_of(conversation.path),
        created=now,
        updated=now,
        name=session.name,
        head=conversation.head,
        settings=session.settings.for_session(),
    )
    return Transcript(record, tuple(conversation.all()), conversation.marks)
