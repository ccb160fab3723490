"""Lazy opening and automatic repair of the database, on the store's own thread."""

import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from chatrepl.core.errors import ChatreplError, StoreError
from chatrepl.services.store.codec import DamageError
from chatrepl.services.store.damage.interrupted_answers import Recovery
from chatrepl.services.store.damage.salvage import rescue, set_aside
from chatrepl.services.store.database import Database
from chatrepl.services.store.deleted_sessions import Bin
from chatrepl.services.store.errors import is_damage, store_error
from chatrepl.services.store.locks import Locks
from chatrepl.services.store.reader import Reader
from chatrepl.services.store.search.query import Searcher
from chatrepl.services.store.writer import Writer

T = TypeVar("T")


class OpenStore:
    """An open database with its reader, writer, search and bin.

    Creating it recovers interrupted answers and purges the bin.
    """

    def __init__(
        self, database: Database, locks: Locks | None, clock: Callable[[], datetime]
    ) -> None:
        self.database = database
        self.locks = locks
        recovery = Recovery(database, locks)
        self.writer = Writer(database, locks)
        self.reader = Reader(database, recovery)
        self.searcher = Searcher(database, recovery)
        self.bin = Bin(database, locks, clock, self.searcher.forget)
        if not database.is_read_only:
            recovery.try_to_recover()
            self.bin.purge()

    def lock(self, session_id: str) -> bool:
        """Lock a session for this process; False if another process has it."""
        return self.locks is None or self.locks.take_session(session_id)


class Engine:
    """Runs jobs on the database: opens it lazily, repairs it if it is damaged.

    ``warn`` receives one line for the user after a repair.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Callable[[], datetime],
        busy_timeout_s: float,
        warn: Callable[[str], None],
    ) -> None:
        self._path = path
        self._clock = clock
        self._busy_timeout_s = busy_timeout_s
        self._warn = warn
        self._open: OpenStore | None = None
        self._locks = Locks(path.parent / "locks") if path else None
        self._is_leaving = threading.Event()

    def run(self, job: Callable[[OpenStore], T]) -> T:
        """Run a job, once more after a repair. Raises ``StoreError`` and ``UsageError`` only."""
        try:
            try:
                return job(self._opened())
            except (sqlite3.Error, DamageError, UnicodeDecodeError) as error:
                if not is_damage(error) or not self._can_repair():
                    raise
                self._repair()
                return job(self._opened())
        except ChatreplError:
            raise
        except Exception as error:  # Whatever fails in saving must not end the conversation.
            raise store_error(error) from error

    def index_some(self) -> bool:
        """Index a batch of messages for the search; return whether more are waiting."""
        try:
            return self._open is not None and self._open.searcher.index_some()
        except (sqlite3.Error, OSError):
            # Nothing is lost: the search scans the messages that are not indexed.
            return False

    def _can_repair(self) -> bool:
        return self._path is not None and not (self._open and self._open.database.is_read_only)

    def _repair(self) -> None:
        """Replace a damaged database by what can be read of it, and keep a copy."""
        assert self._path is not None and self._locks is not None
        self._close_database()
        if not self._locks.exclude_others():
            raise StoreError(
                "the session database is damaged",
                "close every other chatrepl, so that this one can repair it",
            )
        try:
            now = self._clock()
            rescued = self._path.with_name(f".{self._path.name}.rescued")
            sessions, messages = rescue(self._path, rescued, now, self._is_leaving.is_set)
            aside = set_aside(self._path, rescued, now)
        finally:
            self._locks.share_again()
        self._warn(
            f"the session database was damaged: {messages} messages of {sessions} sessions could"
            f" be read and are kept; the damaged file is {aside}"
        )

    def _opened(self) -> OpenStore:
        if self._open is None:
            if self._locks and not self._locks.share(self._busy_timeout_s):
                raise StoreError("another chatrepl repairs the session database", "wait for it")
            database = Database(self._path, self._busy_timeout_s)
            try:
                self._open = OpenStore(database, self._locks, self._clock)
            except BaseException:
                database.close()
                raise
        return self._open

    def stop_repairing(self) -> None:
        """Give up a repair that is under way, from any thread; the damaged file stays as it is."""
        self._is_leaving.set()

    def close(self) -> None:
        """Close the file and free the locks."""
        self._close_database()
        if self._locks is not None:
            self._locks.release()

    def _close_database(self) -> None:
        if self._open is not None:
            self._open.database.close()
            self._open = None
