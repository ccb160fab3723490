"""The store's port over SQLite, on a thread of its own."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from chatrepl.core.errors import ChatreplError, StoreError
from chatrepl.core.messages import Marks, Message, SearchHit, SessionRecord, SessionSummary
from chatrepl.core.ports.storage import LoadedSession
from chatrepl.core.usage import UsageTotal

if TYPE_CHECKING:
    from chatrepl.services.store.opening import Engine, OpenStore

__all__ = ["SqliteStore"]

T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


class SqliteStore:
    """Sessions in one SQLite database, or in memory (``path`` None) for a run that is not saved.

    Nothing is opened, and SQLite is not imported, before the first call. Every call runs on the
    store's own thread, in the order of the calls, and to its end, also when the caller is
    cancelled meanwhile. A message that is added again under its id is replaced.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], datetime] = _now,
        busy_timeout_s: float = 5.0,
    ) -> None:
        self._path = path
        self._clock = clock
        self._busy_timeout_s = busy_timeout_s
        self._thread: ThreadPoolExecutor | None = None
        self._engine: Engine | None = None
        self._is_closed = False
        self._is_indexing = False
        self.warnings: list[str] = []
        """What users must be told: one line each. Whoever tells them takes them out."""

    async def create(self, record: SessionRecord, messages: Sequence[Message] = ()) -> None:
        """Add a session with its first messages, in one transaction.

        One whose head is stored already is a fork, and has its head's path in its tree. A taken
        name is a ``UsageError``.
        """
        await self._run(lambda store: store.writer.create(record, messages))

    async def update(self, record: SessionRecord) -> None:
        """Replace a session's name, title, head and settings. A taken name: ``UsageError``."""
        await self._run(lambda store: store.writer.update(record))

    async def add(self, session_id: str, messages: Sequence[Message], head: str | None) -> None:
        """Add messages (parents first) and move the session's head, in one transaction."""
        await self._run(lambda store: store.writer.add(session_id, messages, head))
        self._index_later()

    async def begin_answer(self, session_id: str, message: Message) -> None:
        """Add an answer in state ``STREAMING``; the head stays where it is."""
        await self._run(lambda store: store.writer.begin_answer(session_id, message))

    async def append(self, message_id: str, text: str, reasoning: str) -> None:
        """Add received text to a streaming answer, without rewriting what is there."""
        await self._run(lambda store: store.writer.append(message_id, text, reasoning))

    async def finish_answer(self, session_id: str, message: Message, head: str | None) -> None:
        """Write an answer's end state, all its fields, and the head, in one transaction."""
        await self._run(lambda store: store.writer.finish_answer(session_id, message, head))
        self._index_later()

    async def set_state(
        self, session_id: str, message_id: str, state: str, head: str | None
    ) -> None:
        """Change one message's state and the head."""
        await self._run(lambda store: store.writer.set_state(session_id, message_id, state, head))

    async def set_marks(self, session_id: str, marks: Marks) -> None:
        """Replace a session's pins and drops."""
        await self._run(lambda store: store.writer.set_marks(session_id, marks))

    async def set_counts(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Remember token counts by (message id, encoding); those of unknown messages are not."""
        await self._run(lambda store: store.writer.set_counts(counts))

    async def load(self, session_id: str) -> LoadedSession:
        """Read a session by id; unfinished answers that nobody is writing are marked as cut.

        One that had received nothing is marked as failed, and is not told as recovered.
        """
        return await self._run(lambda store: store.reader.load(session_id))

    async def find(self, name: str, *, deleted: bool = False) -> SessionRecord | None:
        """Find a session by its exact name, else by its id or a unique beginning of its id."""
        return await self._run(lambda store: store.reader.find(name, deleted=deleted))

    async def newest(self) -> SessionRecord | None:
        """Return the session that was written to last, or None."""
        return await self._run(lambda store: store.reader.newest())

    async def sessions(
        self, words: str = "", *, deleted: bool = False, limit: int = 0
    ) -> Sequence[SessionSummary]:
        """List sessions, newest first; ``words`` filter name, title and first words."""
        return await self._run(
            lambda store: store.reader.sessions(words, deleted=deleted, limit=limit)
        )

    async def search(self, words: str, limit: int = 20) -> Sequence[SearchHit]:
        """Find messages of all sessions outside the bin that hold all the words, best first.

        A word matches wherever it occurs, also inside other words, whatever its case and its
        composed or full-width form (``fold``). Whole words rank first, then words that stand
        together, then those that occur often; of equals, and among more than 300, the newest.
        """
        hits = await self._run(lambda store: store.searcher.search(words, limit))
        self._index_later()
        return hits

    async def usage(self, since: datetime) -> Sequence[UsageTotal]:
        """Add up what all sessions used from a moment on, by model, the dearest first."""
        from chatrepl.services.store.usage_totals import usage_since

        return await self._run(lambda store: usage_since(store.database.connection, since))

    async def delete(self, session_id: str) -> None:
        """Put a session in the bin, where it stays for 30 days.

        One that another process has open is a ``UsageError``.
        """
        await self._run(lambda store: store.bin.delete(session_id))

    async def restore(self, session_id: str) -> None:
        """Take a session out of the bin; a name that was taken meanwhile is dropped."""
        await self._run(lambda store: store.bin.restore(session_id))

    async def lock(self, session_id: str) -> bool:
        """Take a session for this process; False: another has it. One session at a time."""
        return await self._run(
            lambda store: store.locks is None or store.locks.take_session(session_id)
        )

    async def close(self) -> None:
        """Finish writing, release the locks and the file. Closing again does nothing."""
        self._is_closed = True
        thread, self._thread = self._thread, None
        if thread is None:
            return
        engine = self._engine
        if engine is not None:
            await self._await(thread.submit(engine.close))
        thread.shutdown(wait=False)

    async def _run(self, work: "Callable[[OpenStore], T]") -> T:
        if self._is_closed:
            raise StoreError("the session database is closed")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="chatrepl-store")
        return await self._await(self._thread.submit(self._perform, work))

    def _perform(self, work: "Callable[[OpenStore], T]") -> T:
        if self._engine is None:
            # Imported here: SQLite is not needed to show the prompt.
            from chatrepl.services.store.opening import Engine

            self._engine = Engine(
                self._path, self._clock, self._busy_timeout_s, self.warnings.append
            )
        return self._engine.perform(work)

    def _index_later(self) -> None:
        """Index what was written, a little at a time and behind whatever is asked for meanwhile."""
        engine = self._engine
        if engine is not None and not self._is_indexing:
            self._is_indexing = True
            self._submit_indexing(engine)

    def _submit_indexing(self, engine: "Engine") -> None:
        def step() -> None:
            if engine.index_some():
                self._submit_indexing(engine)
            else:
                self._is_indexing = False

        thread = self._thread
        if thread is not None:
            # The store may be closing: the next one indexes the rest.
            with suppress(RuntimeError):
                thread.submit(step)

    async def _await(self, job: "Future[T]") -> T:
        """Wait for a job of the thread; cancelling the wait leaves the job alone."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def ended(_: "Future[T]") -> None:
            # The loop may have ended while the job was still running.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(wake)

        job.add_done_callback(ended)
        try:
            await waiter
        except asyncio.CancelledError:
            job.add_done_callback(self._tell_unseen_failure)
            raise
        return job.result()

    def _tell_unseen_failure(self, job: "Future[T]") -> None:
        error = job.exception()
        if isinstance(error, ChatreplError):
            self.warnings.append(str(error))
