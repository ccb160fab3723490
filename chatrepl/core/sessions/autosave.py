"""Autosave: write a conversation through to the store, and retry what could not be written.

Chatting goes on where the store fails; the person sees a notice that stays until all is saved.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from chatrepl.core.conversation.tree import Conversation
from chatrepl.core.errors import StoreError, UsageError
from chatrepl.core.events import Level, Notice
from chatrepl.core.messages import Marks, Message, SessionRecord
from chatrepl.core.ports.storage import Store

_TOPIC = "store"


@dataclass(slots=True)
class _Pending:
    """The part of one session that is not on disk yet."""

    is_created: bool = False
    """The session is on disk."""
    record: SessionRecord | None = None
    """To be written; None: nothing of the session is pending."""
    messages: dict[str, Message] = field(default_factory=dict)
    """New messages by id, parents first."""
    states: dict[str, Message] = field(default_factory=dict)
    """Messages that are on disk in another state, by id."""
    marks: Marks | None = None
    conversation: Conversation | None = None
    """The whole conversation, where the session was left."""

    @property
    def is_empty(self) -> bool:
        return self.record is None


class Autosave:
    """Writes through to the store; a write that failed is retried with the next one.

    ``flush`` retries at any other time. Sessions that were left meanwhile are retried as well.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._current = _Pending()
        self._left: list[_Pending] = []
        self._lock = asyncio.Lock()
        self._has_failed = False
        self._taken_names: set[str] = set()
        self.notices: list[Notice] = []
        """Pending notices, in order; the run of a turn or a command takes them."""

    def leave(self, left: Conversation, *, is_created: bool) -> None:
        """Switch to another session; ``is_created``: that one is on disk already."""
        if not self._current.is_empty:
            self._current.conversation = left
            self._left.append(self._current)
        self._current = _Pending(is_created)

    def fork(self, left: Conversation, marks: Marks) -> None:
        """Switch to a new session that goes on from the one before."""
        self.leave(left, is_created=False)
        if marks != Marks():
            self._current.marks = marks

    def claim(self, name: str) -> None:
        """Allow a name again that another session had taken."""
        self._taken_names.discard(name)

    def fail(self, error: StoreError, record: SessionRecord | None = None) -> None:
        """Record a failure elsewhere: of a read, or of a piece of an answer (then ``record``)."""
        if record is not None:
            self._current.record = record
        self._fail(error)

    def drop(self, session_id: str) -> None:
        """Forget what is pending for a session that was deleted."""
        self._left = [left for left in self._left if left.record and left.record.id != session_id]

    def add(self, messages: Iterable[Message]) -> None:
        """Add messages that the next write must include."""
        self._current.messages.update((message.id, message) for message in messages)

    @property
    def is_saved(self) -> bool:
        """True if everything is on disk."""
        return not self._has_failed

    @property
    def is_current_saved(self) -> bool:
        """True if all of the current session is on disk."""
        return self._current.is_empty

    @property
    def left_unsaved(self) -> Sequence[tuple[SessionRecord, Conversation]]:
        """The sessions that were left and are not on disk, or not wholly."""
        return [
            (left.record, left.conversation)
            for left in self._left
            if left.record is not None and left.conversation is not None
        ]

    async def save(self, record: SessionRecord, messages: Sequence[Message] = ()) -> bool:
        """Write the session with its head, and messages (parents first). False: it failed."""
        self._current.record = record
        self.add(messages)
        return await self._try(self._write_all)

    async def flush(self) -> bool:
        """Retry what could not be written. False: it failed again."""
        return await self._try(self._write_all)

    async def begin_answer(self, record: SessionRecord, message: Message) -> bool:
        """Write an answer that will be appended to. False: it failed."""
        if self._has_failed:
            return False
        if await self._try(lambda: self._store.begin_answer(record.id, message)):
            return True
        self._current.record = record
        return False

    async def finish_answer(self, record: SessionRecord, message: Message) -> bool:
        """Write an answer's end state and the head. False: it failed."""
        record = self._named(record)
        current = self._current
        if self._has_failed or not current.is_created:
            return await self.save(record, [message])

        async def write() -> None:
            await self._store.finish_answer(record.id, message, record.head)

        if await self._try(write):
            return True
        current.record = record
        current.messages[message.id] = message
        return False

    async def set_state(self, record: SessionRecord, message: Message) -> bool:
        """Write a message's state and the head. False: it failed."""
        current = self._current
        if message.id in current.messages:
            current.messages[message.id] = message
        else:
            current.states[message.id] = message
        return await self.save(record)

    async def set_marks(self, record: SessionRecord, marks: Marks) -> bool:
        """Write the pins and drops. False: it failed."""
        self._current.marks = marks
        return await self.save(record)

    async def set_counts(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Write token counts; they can be made again, so a failure is not shown."""
        if counts and not self._has_failed and self._current.is_created:
            try:
                await self._store.set_counts(counts)
            except StoreError:
                return

    async def _write_all(self) -> None:
        failure: StoreError | None = None
        if self._has_failed and not self._left and self._current.is_empty:
            # Nothing is pending: a read shows whether the disk works again.
            await self._store.newest()
        for pending in (*self._left, self._current):
            try:
                await self._write(pending)
            except StoreError as error:
                # The failure of one session must not keep another off the disk.
                failure = failure or error
        self._left = [pending for pending in self._left if not pending.is_empty]
        if failure is not None:
            raise failure

    async def _write(self, pending: _Pending) -> None:
        record = pending.record
        if record is None:
            return
        messages = list(pending.messages.values())
        if not pending.is_created:
            await self._create(pending, record, messages)
        elif messages:
            await self._store.add(record.id, messages, record.head)
        _remove(pending.messages, messages)
        states = list(pending.states.values())
        for message in states:
            await self._store.set_state(record.id, message.id, message.state, record.head)
        _remove(pending.states, states)
        if pending.marks is not None:
            marks = pending.marks
            await self._store.set_marks(record.id, marks)
            pending.marks = None if pending.marks is marks else pending.marks
        await self._write_named(record, self._store.update)
        if pending.record is record:
            pending.record = None

    async def _create(
        self, pending: _Pending, record: SessionRecord, messages: Sequence[Message]
    ) -> None:
        await self._write_named(record, lambda named: self._store.create(named, messages))
        pending.is_created = True
        if pending is self._current:
            await self._store.lock(record.id)

    async def _write_named(
        self, record: SessionRecord, write: Callable[[SessionRecord], Awaitable[None]]
    ) -> None:
        """Write a record; without its name where another session took that meanwhile."""
        try:
            await write(self._named(record))
        except UsageError:
            name = record.name or ""
            self._taken_names.add(name)
            self.notices.append(
                Notice(
                    f"another session took the name “{name}”: this one is kept without a name",
                    Level.WARNING,
                    hint="/rename NAME",
                )
            )
            await write(self._named(record))

    def _named(self, record: SessionRecord) -> SessionRecord:
        return replace(record, name=None) if record.name in self._taken_names else record

    async def _try(self, write: Callable[[], Awaitable[None]]) -> bool:
        # One write at a time: a retry must not run beside a new write.
        async with self._lock:
            try:
                await write()
            except StoreError as error:
                self._fail(error)
                return False
        if self._has_failed and not self._left and self._current.is_empty:
            self._has_failed = False
            self.notices.append(Notice("", topic=_TOPIC, stays=True))
            self.notices.append(Notice("saved again", Level.SUCCESS))
        return True

    def _fail(self, error: StoreError) -> None:
        if not self._has_failed:
            self.notices.append(
                Notice(
                    f"NOT SAVED: {error.message}",
                    Level.ERROR,
                    hint=error.hint,
                    stays=True,
                    topic=_TOPIC,
                )
            )
        self._has_failed = True


def _remove(pending: dict[str, Message], written: Sequence[Message]) -> None:
    """Remove messages that were written, unless they have changed since."""
    for message in written:
        if pending.get(message.id) is message:
            del pending[message.id]
