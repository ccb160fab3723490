"""Ends the answers that a crash left unfinished: what arrived becomes a message marked as cut."""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from chatrepl.core.messages import State
from chatrepl.services.store.codec import Stored, decode_text, encode_text
from chatrepl.services.store.database import Database
from chatrepl.services.store.locks import Locks

__all__ = ["RECOVERED", "Recovery"]

RECOVERED = ""
"""In the place of a writer: the answer was recovered, and nobody was told."""


class Recovery:
    """Finds answers in state streaming whose writer is dead, and keeps what they had received."""

    def __init__(self, database: Database, locks: Locks | None) -> None:
        self._database = database
        self._run = database.connection.execute
        self._locks = locks

    def recover(self, session: int | None = None) -> None:
        """End the unfinished answers of one session, or of all, as far as nobody writes them."""
        if self._orphans(session):
            with self._database.transaction():
                # Looked up again: another process may have done it in between.
                for message, owner in self._orphans(session):
                    self._end(message, owner)

    def try_to_recover(self, session: int | None = None) -> None:
        """Recover, unless the file cannot be written now: it can still be read."""
        with suppress(sqlite3.OperationalError, OSError):
            self.recover(session)

    def take_report(self, session: int) -> Sequence[str]:
        """Return the ids of the session's answers that were recovered, once."""
        rows = self._run(
            "SELECT id FROM messages WHERE writer = ? AND session = ? ORDER BY number",
            (RECOVERED, session),
        ).fetchall()
        if rows:
            # Rather told twice than not at all.
            with suppress(sqlite3.OperationalError), self._database.transaction():
                self._run(
                    "UPDATE messages SET writer = NULL WHERE writer = ? AND session = ?",
                    (RECOVERED, session),
                )
        return tuple(decode_text(id_) for (id_,) in rows)

    def received(self, session: int) -> dict[int, tuple[Stored, Stored, str]]:
        """Return content, reasoning and state, as they are now, of answers that still stream.

        Keyed by number. An answer that nobody writes, but that could not be ended on disk, is
        told as the cut answer that it is.
        """
        rows = self._run(
            "SELECT number, writer FROM messages INDEXED BY messages_unfinished"
            " WHERE writer IS NOT NULL AND state = 'streaming'"
            " AND (session = ?1 OR number IN (SELECT message FROM inherited WHERE session = ?1))",
            (session,),
        ).fetchall()
        found = {}
        for number, writer in rows:
            content, reasoning = self._assemble(number)
            state = State.STREAMING if self._is_alive(writer) else _end_state(content, reasoning)
            found[number] = (encode_text(content), encode_text(reasoning), state.value)
        return found

    def _orphans(self, session: int | None) -> list[tuple[int, int]]:
        rows = self._run(
            "SELECT number, session, writer FROM messages INDEXED BY messages_unfinished"
            " WHERE writer IS NOT NULL AND state = 'streaming'"
            " AND (?1 IS NULL OR session = ?1 OR number IN"
            " (SELECT message FROM inherited WHERE session = ?1)) ORDER BY number",
            (session,),
        ).fetchall()
        return [(number, owner) for number, owner, writer in rows if not self._is_alive(writer)]

    def _is_alive(self, writer: str) -> bool:
        return self._locks is None or self._locks.is_writing(writer)

    def _assemble(self, message: int) -> tuple[str, str]:
        rows = self._run(
            "SELECT content, reasoning FROM messages WHERE number = ?", (message,)
        ).fetchall()
        rows += self._run(
            "SELECT content, reasoning FROM chunks WHERE message = ? ORDER BY number", (message,)
        ).fetchall()
        return (
            "".join(decode_text(content) for content, _ in rows),
            "".join(decode_text(reasoning) for _, reasoning in rows),
        )

    def _end(self, message: int, owner: int) -> None:
        content, reasoning = self._assemble(message)
        state = _end_state(content, reasoning)
        known = self._database.row(
            "SELECT length(CAST(content AS BLOB)) + length(CAST(reasoning AS BLOB))"
            " FROM messages WHERE number = ?",
            (message,),
        )
        self._run(
            "UPDATE messages SET state = ?, writer = ?, content = ?, reasoning = ?"
            " WHERE number = ?",
            (
                state.value,
                RECOVERED if state is State.CUT else None,
                encode_text(content),
                encode_text(reasoning),
                message,
            ),
        )
        self._run("DELETE FROM chunks WHERE message = ?", (message,))
        self._run("INSERT OR IGNORE INTO unindexed VALUES (?)", (message,))
        if state is State.FAILED:
            return
        grown = len((content + reasoning).encode("utf-8", "surrogatepass")) - (
            known[0] if known else 0
        )
        self._run(
            "UPDATE sessions SET size_bytes = size_bytes + ?,"
            " head = CASE WHEN head IS (SELECT parent FROM messages WHERE number = ?2)"
            " THEN ?2 ELSE head END WHERE number = ?3",
            (grown, message, owner),
        )


def _end_state(content: str, reasoning: str) -> State:
    return State.CUT if content or reasoning else State.FAILED
