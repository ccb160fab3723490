"""Keep a conversation on disk, and say so loudly when that fails; chatting goes on all the same."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from chatrepl.core.errors import StoreError
from chatrepl.core.events import Level, Notice
from chatrepl.core.messages import Marks, Message, SessionRecord
from chatrepl.core.ports import Store

__all__ = ["Keeper"]

_TOPIC = "store"


class Keeper:
    """Writes through to the store; what could not be written is tried again with the next write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unsaved: dict[str, Message] = {}
        self._is_created = False
        self._has_failed = False
        self.notices: list[Notice] = []
        """What there is to tell; whoever runs a turn or a command takes them."""

    def forget(self, *, is_created: bool) -> None:
        """Turn to another session; ``is_created``: it is on disk already."""
        self._unsaved.clear()
        self._is_created = is_created

    def pending(self, messages: Iterable[Message]) -> None:
        """Take messages that the next write must bring to the disk."""
        self._unsaved.update((message.id, message) for message in messages)

    @property
    def is_saved(self) -> bool:
        """Say whether everything is on disk."""
        return not self._has_failed

    async def save(self, record: SessionRecord, messages: Sequence[Message] = ()) -> bool:
        """Write the session with its head, and messages (parents first). False: could not."""
        for message in messages:
            self._unsaved[message.id] = message
        return await self._try(lambda: self._write(record))

    async def begin_answer(self, record: SessionRecord, message: Message) -> bool:
        """Open an answer that will be appended to; False: the store does not take it."""
        if self._has_failed:
            return False
        return await self._try(lambda: self._store.begin_answer(record.id, message))

    async def finish_answer(self, record: SessionRecord, message: Message) -> bool:
        """Write an answer's end state and the head."""
        if self._has_failed:
            return await self.save(record, [message])

        async def write() -> None:
            await self._store.finish_answer(record.id, message, record.head)

        if await self._try(write):
            return True
        self._unsaved[message.id] = message
        return False

    async def set_state(self, record: SessionRecord, message: Message) -> bool:
        """Write a message's state and the head."""
        if message.id in self._unsaved:
            return await self.save(record, [message])
        return await self._try(
            lambda: self._store.set_state(record.id, message.id, message.state, record.head)
        )

    async def set_marks(self, record: SessionRecord, marks: Marks) -> bool:
        """Write the pins and drops."""
        return await self._try(lambda: self._store.set_marks(record.id, marks))

    async def set_counts(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Write token counts; they can be made again, so a failure is not told."""
        if counts and not self._has_failed and self._is_created:
            try:
                await self._store.set_counts(counts)
            except StoreError:
                return

    async def _write(self, record: SessionRecord) -> None:
        if not self._is_created:
            # The head may point only to what is there: its messages come right after.
            known = None if record.head in self._unsaved else record.head
            await self._store.create(replace(record, head=known))
            self._is_created = True
        if self._unsaved:
            await self._store.add(record.id, list(self._unsaved.values()), record.head)
            self._unsaved.clear()
        await self._store.update(record)

    async def _try(self, write: Callable[[], Awaitable[None]]) -> bool:
        try:
            await write()
        except StoreError as error:
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
            return False
        if self._has_failed and not self._unsaved:
            self._has_failed = False
            self.notices.append(Notice("", topic=_TOPIC, stays=True))
            self.notices.append(Notice("saved again", Level.SUCCESS))
        return True
