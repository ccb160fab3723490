"""The ``Store`` port over SQLite, on a thread of its own."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from chatrepl.core.errors import ChatreplError, StoreError
from chatrepl.core.messages import Message, SearchHit

if TYPE_CHECKING:
    from chatrepl.services.store.opening import Engine, OpenStore


T = TypeVar("T")
P = ParamSpec("P")

_CLOSING_S = 3.0
"""Time for a repair to end while the program leaves."""


def _now() -> datetime:
    return datetime.now(UTC)


def _on_thread(
    find_method: "Callable[[OpenStore], Callable[P, T]]",
) -> "Callable[Concatenate[SqliteStore, P], Coroutine[Any, Any, T]]":
    """Make a coroutine method that runs a method of the open store on the store's thread."""

    async def method(self: "SqliteStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(lambda store: find_method(store)(*args, **kwargs))

    return method


class SqliteStore:
    """Implements the core's ``Store`` port.

    ``path`` None: in memory, for a run that is not saved. Nothing is opened, and SQLite is not
    imported, before the first call. Calls run on the store's own thread, in order, and each to its
    end, even if the caller is cancelled meanwhile. A message that is added again is replaced.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], datetime] = _now,
        busy_timeout_s: float = 5.0,
    ) -> None:
        self._engine_arguments = path, clock, busy_timeout_s
        self._thread: ThreadPoolExecutor | None = None
        self._engine: Engine | None = None
        self._is_closed = False
        self._is_indexing = False
        self.warnings: list[str] = []
        """Lines to show to the user; each is removed once it was shown."""

    create = _on_thread(lambda store: store.writer.create)
    update = _on_thread(lambda store: store.writer.update)
    begin_answer = _on_thread(lambda store: store.writer.begin_answer)
    append = _on_thread(lambda store: store.writer.append)
    set_state = _on_thread(lambda store: store.writer.set_state)
    set_marks = _on_thread(lambda store: store.writer.set_marks)
    set_counts = _on_thread(lambda store: store.writer.set_counts)
    load = _on_thread(lambda store: store.reader.load)
    find = _on_thread(lambda store: store.reader.find)
    newest = _on_thread(lambda store: store.reader.newest)
    sessions = _on_thread(lambda store: store.reader.sessions)
    usage = _on_thread(lambda store: store.reader.usage)
    delete = _on_thread(lambda store: store.bin.delete)
    restore = _on_thread(lambda store: store.bin.restore)
    lock = _on_thread(lambda store: store.lock)

    async def add(self, session_id: str, messages: Sequence[Message], head: str | None) -> None:
        """Add messages and move the head, then index them in the background."""
        await self._run(lambda store: store.writer.add(session_id, messages, head))
        self._index_later()

    async def finish_answer(self, session_id: str, message: Message, head: str | None) -> None:
        """Store a complete answer and move the head, then index it in the background."""
        await self._run(lambda store: store.writer.finish_answer(session_id, message, head))
        self._index_later()

    async def search(self, words: str, limit: int = 20) -> Sequence[SearchHit]:
        """Search the messages outside the bin, then index the rest in the background."""
        hits = await self._run(lambda store: store.searcher.search(words, limit))
        self._index_later()
        return hits

    async def close(self) -> None:
        """Finish writing, release the locks and the file. Closing again does nothing."""
        self._is_closed = True
        thread, self._thread = self._thread, None
        if thread is None:
            return
        engine = self._engine
        if engine is not None:
            loop = asyncio.get_running_loop()
            stop = loop.call_later(_CLOSING_S, engine.stop_repairing)
            await self._await(thread.submit(engine.close))
            stop.cancel()
        thread.shutdown(wait=False)

    async def _run(self, job: "Callable[[OpenStore], T]") -> T:
        if self._is_closed:
            raise StoreError("the session database is closed")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="chatrepl-store")
        return await self._await(self._thread.submit(self._run_now, job))

    def _run_now(self, job: "Callable[[OpenStore], T]") -> T:
        if self._engine is None:
            # Imported here: SQLite is not needed to show the prompt.
            from chatrepl.services.store.opening import Engine

            self._engine = Engine(*self._engine_arguments, self.warnings.append)
        return self._engine.run(job)

    def _index_later(self) -> None:
        """Index new messages in small batches, each queued behind the jobs that came meanwhile."""
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
            # The store may be closing: the next run indexes the rest.
            with suppress(RuntimeError):
                thread.submit(step)

    async def _await(self, job: "Future[T]") -> T:
        """Wait for a job on the thread; cancelling the wait does not cancel the job."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def on_done(_: "Future[T]") -> None:
            # The loop may have ended while the job was still running.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(wake)

        job.add_done_callback(on_done)
        try:
            await waiter
        except asyncio.CancelledError:
            job.add_done_callback(self._warn_of_failure)
            raise
        return job.result()

    def _warn_of_failure(self, job: "Future[T]") -> None:
        error = job.exception()
        if isinstance(error, ChatreplError):
            self.warnings.append(str(error))
