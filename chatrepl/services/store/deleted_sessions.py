"""The bin: deleted sessions, kept for a while and brought back on demand."""

from collections.abc import Callable
from datetime import datetime, timedelta

from chatrepl.core.errors import StoreError, UsageError
from chatrepl.services.store.codec import encode_text, encode_time
from chatrepl.services.store.database import Database
from chatrepl.services.store.locks import Locks

__all__ = ["KEPT", "Bin"]

KEPT = timedelta(days=30)


class Bin:
    """Deletes, brings back, and in the end removes."""

    def __init__(
        self,
        database: Database,
        locks: Locks | None,
        clock: Callable[[], datetime],
        forget: Callable[[int], None],
    ) -> None:
        self._database = database
        self._run = database.connection.execute
        self._locks = locks
        self._clock = clock
        self._forget = forget

    def delete(self, session_id: str) -> None:
        """Put a session in the bin. Raises ``UsageError`` when another process has it open."""
        if self._locks is not None and self._locks.is_elsewhere(session_id):
            raise UsageError("the session is open in another terminal", "leave it there first")
        with self._database.transaction():
            done = self._run(
                "UPDATE sessions SET deleted = coalesce(deleted, ?) WHERE id = ?",
                (encode_time(self._clock()), encode_text(session_id)),
            )
            if done.rowcount != 1:
                raise StoreError("there is no such session", "see /sessions")

    def restore(self, session_id: str) -> None:
        """Take a session out of the bin; a name that was taken meanwhile is dropped."""
        with self._database.transaction():
            done = self._run(
                """UPDATE sessions SET deleted = NULL, name = CASE WHEN EXISTS (
                    SELECT 1 FROM sessions other WHERE other.name = sessions.name
                    AND other.deleted IS NULL AND other.number != sessions.number
                ) THEN NULL ELSE name END WHERE id = ?""",
                (encode_text(session_id),),
            )
            if done.rowcount != 1:
                raise StoreError("there is no such session", "see /sessions --deleted")

    def purge(self) -> None:
        """Remove what has been in the bin for longer than ``KEPT``; forks keep what they show."""
        limit = encode_time(self._clock() - KEPT)
        if not self._database.row("SELECT 1 FROM sessions WHERE deleted < ?", (limit,)):
            return
        with self._database.transaction():
            for (session,) in self._run(
                "SELECT number FROM sessions WHERE deleted < ?", (limit,)
            ).fetchall():
                self._remove(session)

    def _remove(self, session: int) -> None:
        self._run("DELETE FROM sessions WHERE number = ?", (session,))
        # Numbers are given again: what forks still need must not turn up in another session.
        for table in ("messages", "search_text"):
            self._run(
                f"UPDATE {table} SET session = 0 WHERE session = ? AND number IN"  # noqa: S608
                " (SELECT message FROM inherited)",
                (session,),
            )
        for (message,) in self._run(
            "SELECT number FROM messages WHERE session = ?", (session,)
        ).fetchall():
            self._forget(message)
        self._run("DELETE FROM messages WHERE session = ?", (session,))
