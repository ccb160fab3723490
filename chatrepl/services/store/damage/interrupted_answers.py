"""Recovery of answers that a crash interrupted: the text received becomes a message marked cut."""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from chatrepl.core.messages import State
from chatrepl.services.store.codec import Stored, decode_text, encode_text, utf8_bytes
from chatrepl.services.store.database import Database
from chatrepl.services.store.locks import Locks

RECOVERED = ""
"""In the column ``writer``: the answer was recovered, and the user is not told yet."""
_STREAMING = """
    SELECT number, session, writer FROM messages INDEXED BY messages_unfinished
    WHERE writer IS NOT NULL AND state = 'streaming' AND (:session IS NULL
        OR session = :session
        OR number IN (SELECT message FROM inherited WHERE session = :session))
    ORDER BY number"""


class Recovery:
    """Finds streaming answers whose writer is dead, and keeps the text they had received."""

    def __init__(self, database: Database, locks: Locks | None) -> None:
        self._database = database
        self._run = database.connection.execute
        self._locks = locks

    def recover(self, session: int | None = None) -> None:
        """End the orphaned answers of one session, or of all."""
        if self._orphans(session):
            with self._database.transaction():
                # Looked up again: another process may have recovered them in between.
                for message, owner in self._orphans(session):
                    self._end(message, owner)

    def try_to_recover(self, session: int | None = None) -> None:
        """Recover, unless the file cannot be written now: it can still be read."""
        with suppress(sqlite3.OperationalError, OSError):
            self.recover(session)

    def take_report(self, session: int) -> Sequence[str]:
        """Return the ids of the session's recovered answers; each is reported once."""
        rows = self._run(
            "SELECT id FROM messages WHERE writer = ? AND session = ? ORDER BY number",
            (RECOVERED, session),
        ).fetchall()
        if rows:
            # If this cannot be written, they are reported again rather than never.
            with suppress(sqlite3.OperationalError), self._database.transaction():
                self._run(
                    "UPDATE messages SET writer = NULL WHERE writer = ? AND session = ?",
                    (RECOVERED, session),
                )
        return tuple(decode_text(id_) for (id_,) in rows)

    def received(self, session: int) -> dict[int, tuple[Stored, Stored, str]]:
        """Return content, reasoning and state so far of streaming answers, by message number.

        An orphan that could not be ended on disk is returned in its end state.
        """
        found = {}
        for number, _, writer in self._run(_STREAMING, {"session": session}).fetchall():
            content, reasoning = self._text(number)
            state = State.STREAMING if self._is_alive(writer) else _end_state(content, reasoning)
            found[number] = (encode_text(content), encode_text(reasoning), state.value)
        return found

    def _orphans(self, session: int | None) -> list[tuple[int, int]]:
        """Return number and session of each streaming answer that no process is writing."""
        rows = self._run(_STREAMING, {"session": session}).fetchall()
        return [(number, owner) for number, owner, writer in rows if not self._is_alive(writer)]

    def _is_alive(self, writer: str) -> bool:
        return self._locks is None or self._locks.is_writing(writer)

    def _text(self, message: int) -> tuple[str, str]:
        """Join content and reasoning of a message's row and its chunks."""
        rows = self._run(
            "SELECT 0 AS chunk, content, reasoning FROM messages WHERE number = :message"
            " UNION ALL SELECT number, content, reasoning FROM chunks WHERE message = :message"
            " ORDER BY chunk",
            {"message": message},
        ).fetchall()
        return (
            "".join(decode_text(content) for _, content, _ in rows),
            "".join(decode_text(reasoning) for _, _, reasoning in rows),
        )

    def _end(self, message: int, owner: int) -> None:
        content, reasoning = self._text(message)
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
        growth = utf8_bytes(content + reasoning) - (known[0] if known else 0)
        self._run(
            "UPDATE sessions SET size_bytes = size_bytes + :growth,"
            " head = CASE WHEN head IS (SELECT parent FROM messages WHERE number = :message)"
            " THEN :message ELSE head END WHERE number = :owner",
            {"growth": growth, "message": message, "owner": owner},
        )


def _end_state(content: str, reasoning: str) -> State:
    return State.CUT if content or reasoning else State.FAILED
