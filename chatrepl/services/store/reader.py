"""Reads sessions: whole trees, single records, and the list."""

from collections.abc import Sequence
from typing import Any

from chatrepl.core.errors import StoreError
from chatrepl.core.messages import Marks, Message, SessionRecord, SessionSummary
from chatrepl.core.ports.storage import LoadedSession
from chatrepl.services.store.codec import (
    MESSAGE_COLUMNS,
    RECORD_COLUMNS,
    DamageError,
    Stored,
    decode_text,
    decode_time,
    encode_text,
    message_from,
    record_from,
)
from chatrepl.services.store.damage.interrupted_answers import Recovery
from chatrepl.services.store.database import Database
from chatrepl.services.store.search.ranking import fold

__all__ = ["Reader"]

_RECORDS = f"""
    SELECT {RECORD_COLUMNS}, (SELECT id FROM messages WHERE number = sessions.head)
    FROM sessions"""  # noqa: S608
_TREE = f"""
    SELECT number, parent, {MESSAGE_COLUMNS} FROM messages WHERE session = ?1
    UNION ALL SELECT number, parent, {MESSAGE_COLUMNS} FROM messages
    WHERE number IN (SELECT message FROM inherited WHERE session = ?1)
    ORDER BY 1"""  # noqa: S608
_SUMMARIES = """
    SELECT id, title, updated, name, model, message_count, first_words, size_bytes, deleted
    FROM sessions WHERE"""
_SESSIONS = f"{_SUMMARIES} deleted IS NULL ORDER BY updated DESC, written DESC"
_DELETED_SESSIONS = f"{_SUMMARIES} deleted IS NOT NULL ORDER BY updated DESC, written DESC"
_IN_TREE = """(SELECT number FROM messages WHERE session = ?1
    UNION ALL SELECT message FROM inherited WHERE session = ?1)"""
_LEAST_ID_CHARS = 4


class Reader:
    """The questions that the store's port names."""

    def __init__(self, database: Database, recovery: Recovery) -> None:
        self._database = database
        self._run = database.connection.execute
        self._recovery = recovery

    def load(self, session_id: str) -> LoadedSession:
        """Read a session's whole tree."""
        key = self._database.row(
            "SELECT number FROM sessions WHERE id = ?", (encode_text(session_id),)
        )
        if key is None:
            raise StoreError("there is no such session", "see /sessions")
        session = int(key[0])
        self._recovery.try_to_recover(session)
        recovered = self._recovery.take_report(session)
        with self._database.snapshot():
            row = self._run(f"{_RECORDS} WHERE number = ?", (session,)).fetchone()
            if row is None:
                raise StoreError("the session was deleted meanwhile", "see /sessions")
            ids, messages = self._messages(session)
            return LoadedSession(
                record=record_from(row[:-1], row[-1]),
                messages=messages,
                marks=self._marks(session, ids),
                recovered=recovered,
                counts=self._counts(session, ids),
            )

    def _messages(self, session: int) -> tuple[dict[int, str], Sequence[Message]]:
        ids: dict[int, str] = {}
        messages = []
        streaming = self._recovery.received(session)
        for number, parent, *columns in self._run(_TREE, (session,)):
            if number in streaming:
                columns[3:6] = streaming[number]
            message = message_from(columns, ids.get(parent))
            ids[number] = message.id
            messages.append(message)
        return ids, messages

    def _marks(self, session: int, ids: dict[int, str]) -> Marks:
        kinds: dict[str, set[str]] = {"pinned": set(), "dropped": set()}
        rows = self._run("SELECT message, kind FROM marks WHERE session = ?", (session,))
        for message, kind in rows:
            if message in ids and kind in kinds:
                kinds[kind].add(ids[message])
        return Marks(frozenset(kinds["pinned"]), frozenset(kinds["dropped"]))

    def _counts(self, session: int, ids: dict[int, str]) -> dict[tuple[str, str], int]:
        rows = self._run(
            f"SELECT message, encoding, tokens FROM counts WHERE message IN {_IN_TREE}",  # noqa: S608
            (session,),
        )
        return {(ids[number], decode_text(encoding)): tokens for number, encoding, tokens in rows}

    def find(self, name: str, *, deleted: bool) -> SessionRecord | None:
        """Find by exact name, by id, or by a beginning of four characters that only one id has."""
        bin_ = "deleted IS NOT NULL" if deleted else "deleted IS NULL"
        wanted = encode_text(name)
        for condition in ("name = ?", "id = ?"):
            row = self._run(
                f"{_RECORDS} WHERE {condition} AND {bin_} ORDER BY written DESC LIMIT 1",
                (wanted,),
            ).fetchone()
            if row is not None:
                return record_from(row[:-1], row[-1])
        if len(name) < _LEAST_ID_CHARS or not isinstance(wanted, str):
            return None
        rows = self._run(
            # The plus keeps SQLite from going through the whole bin, or all that is not in it.
            f"{_RECORDS} WHERE id >= ? AND id < ? AND +{bin_} LIMIT 2",
            (wanted, wanted + "\U0010ffff"),
        ).fetchall()
        return record_from(rows[0][:-1], rows[0][-1]) if len(rows) == 1 else None

    def newest(self) -> SessionRecord | None:
        """Return the session that was written to last."""
        row = self._run(
            f"{_RECORDS} INDEXED BY sessions_by_writing"
            " WHERE deleted IS NULL ORDER BY written DESC LIMIT 1"
        ).fetchone()
        return None if row is None else record_from(row[:-1], row[-1])

    def sessions(self, words: str, *, deleted: bool, limit: int) -> Sequence[SessionSummary]:
        """List sessions by time, the newest first; those of one time by when they were written."""
        wanted = fold(words).split()
        rows = self._run(_DELETED_SESSIONS if deleted else _SESSIONS)
        found: list[SessionSummary] = []
        for row in rows:
            summary = _summary_from(row)
            if _matches(summary, wanted):
                found.append(summary)
                if len(found) == limit:
                    break
        return found


def _matches(summary: SessionSummary, wanted: Sequence[str]) -> bool:
    if not wanted:
        return True
    text = fold(f"{summary.name or ''}\n{summary.title}\n{summary.first_words}")
    return all(word in text for word in wanted)


def _text(stored: Stored | None) -> str:
    return "" if stored is None else decode_text(stored)


def _summary_from(row: Sequence[Any]) -> SessionSummary:
    id_, title, updated, name, model, message_count, first_words, size_bytes, deleted = row
    try:
        return SessionSummary(
            id=decode_text(id_),
            title=decode_text(title),
            updated=decode_time(updated),
            name=None if name is None else decode_text(name),
            model=None if model is None else decode_text(model),
            message_count=message_count,
            first_words=_text(first_words),
            size_bytes=size_bytes,
            deleted=None if deleted is None else decode_time(deleted),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise DamageError(f"a session cannot be read: {error}") from error
