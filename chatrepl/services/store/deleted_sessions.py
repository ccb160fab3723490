"""The bin of deleted sessions: restorable for 30 days, then purged."""

from collections.abc import Callable
from datetime import datetime, timedelta

from chatrepl.core.errors import StoreError, UsageError
from chatrepl.services.store.codec import encode_text, encode_time
from chatrepl.services.store.database import Database
from chatrepl.services.store.locks import Locks

KEPT = timedelta(days=30)


class Bin:
    """Deletes, restores and purges sessions.

    ``forget`` removes a message from the search index, given its number.
    """

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
        """Put a session in the bin. Raises ``UsageError`` if another process has it open."""
        if self._locks is not None and self._locks.is_elsewhere(session_id):
            raise UsageError("the session is open in another terminal", "leave it there first")
        query = "UPDATE sessions SET deleted = coalesce(deleted, ?) WHERE id = ?"
        self._update(query, encode_time(self._clock()), session_id, hint="see /sessions")

    def restore(self, session_id: str) -> None:
        """Take a session out of the bin; it loses its name if another session has it now."""
        query = """UPDATE sessions SET deleted = NULL, name = CASE WHEN EXISTS (
                SELECT 1 FROM sessions other WHERE other.name = sessions.name
                AND other.deleted IS NULL AND other.number != sessions.number
            ) THEN NULL ELSE name END WHERE id = ?"""
        self._update(query, session_id, hint="see /sessions --deleted")

    def _update(self, query: str, *values: str, hint: str) -> None:
        with self._database.transaction():
            if self._run(query, [encode_text(value) for value in values]).rowcount != 1:
                raise StoreError("there is no such session", hint)

    def purge(self) -> None:
        """Delete what has been in the bin for longer than ``KEPT``; forks keep their messages."""
        limit = encode_time(self._clock() - KEPT)
        query = "SELECT number FROM sessions WHERE deleted < ?"
        if self._database.row(query, (limit,)) is not None:
            with self._database.transaction():
                for (session,) in self._run(query, (limit,)).fetchall():
                    self._remove(session)

    def _remove(self, session: int) -> None:
        self._run("DELETE FROM sessions WHERE number = ?", (session,))
        # SQLite reuses numbers: messages that forks need must not turn up in a later session.
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
