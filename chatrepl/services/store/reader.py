"""Queries of the store: whole sessions, single records, the list of sessions, usage totals."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from chatrepl.core.conversation.metadata import COST_FIELD, IMPORTED_FIELD
from chatrepl.core.errors import StoreError
from chatrepl.core.messages import Marks, Message, SessionRecord, SessionSummary, UsageTotal
from chatrepl.core.ports.storage import LoadedSession
from chatrepl.services.store.codec import (
    MESSAGE_COLUMNS,
    RECORD_COLUMNS,
    DamageError,
    decode_optional,
    decode_text,
    decode_time,
    encode_text,
    encode_time,
    message_from,
    record_from,
)
from chatrepl.services.store.damage.interrupted_answers import Recovery
from chatrepl.services.store.database import Database
from chatrepl.services.store.search.ranking import fold

_RECORDS = f"""
    SELECT {RECORD_COLUMNS}, (SELECT id FROM messages WHERE number = sessions.head)
    FROM sessions"""  # noqa: S608
_TREE = f"""
    SELECT number, parent, {MESSAGE_COLUMNS} FROM messages WHERE session = :session
    UNION ALL SELECT number, parent, {MESSAGE_COLUMNS} FROM messages
    WHERE number IN (SELECT message FROM inherited WHERE session = :session)
    ORDER BY 1"""  # noqa: S608
_SUMMARIES = """
    SELECT id, title, updated, name, model, message_count, first_words, size_bytes, deleted
    FROM sessions WHERE deleted {} ORDER BY updated DESC, written DESC"""
_COUNTS = """
    SELECT message, encoding, tokens FROM counts
    WHERE message IN (SELECT number FROM messages WHERE session = :session
        UNION ALL SELECT message FROM inherited WHERE session = :session)"""
# Details with lone surrogates are stored as bytes, which SQLite would not read as JSON: cast.
_TOTALS = f"""
    WITH used AS (
        SELECT model, json_extract(details, '$.usage') AS usage,
               json_extract(details, '$.extra.{COST_FIELD}') AS cost,
               json_extract(details, '$.extra.{IMPORTED_FIELD}') AS imported
        FROM (
            SELECT model, CAST(details AS TEXT) AS details FROM messages
            WHERE created >= ? AND model IS NOT NULL AND details IS NOT NULL
        )
        WHERE json_valid(details)
    )
    SELECT model, COUNT(*),
           SUM(COALESCE(json_extract(usage, '$[0]'), 0)),
           SUM(COALESCE(json_extract(usage, '$[1]'), 0)),
           SUM(COALESCE(json_extract(usage, '$[2]'), 0)),
           SUM(COALESCE(json_extract(usage, '$[3]'), 0)),
           SUM(COALESCE(cost, 0.0)),
           SUM(cost IS NULL)
    FROM used WHERE usage IS NOT NULL AND imported IS NULL
    GROUP BY model ORDER BY 7 DESC, 3 DESC"""  # noqa: S608
_LEAST_ID_CHARS = 4


class Reader:
    """The reading half of the ``Store`` port; every method runs on the store's thread."""

    def __init__(self, database: Database, recovery: Recovery) -> None:
        self._database = database
        self._run = database.connection.execute
        self._recovery = recovery

    def load(self, session_id: str) -> LoadedSession:
        """Read a session's whole tree; orphaned streaming answers are recovered first."""
        session = self._database.number_of("sessions", session_id)
        if session is None:
            raise StoreError("there is no such session", "see /sessions")
        self._recovery.try_to_recover(session)
        recovered = self._recovery.take_report(session)
        with self._database.snapshot():
            record = self._record("WHERE number = ?", session)
            if record is None:
                raise StoreError("the session was deleted meanwhile", "see /sessions")
            ids, messages = self._messages(session)
            return LoadedSession(
                record=record,
                messages=messages,
                marks=self._marks(session, ids),
                recovered=recovered,
                counts=self._counts(session, ids),
            )

    def _messages(self, session: int) -> tuple[dict[int, str], Sequence[Message]]:
        """Return the tree's message ids by number, and its messages, parents first."""
        ids: dict[int, str] = {}
        messages = []
        streaming = self._recovery.received(session)
        for number, parent, *columns in self._run(_TREE, {"session": session}):
            if number in streaming:
                # Content, reasoning and state, in the order of ``MESSAGE_COLUMNS``.
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
        rows = self._run(_COUNTS, {"session": session})
        return {(ids[number], decode_text(encoding)): tokens for number, encoding, tokens in rows}

    def find(self, name: str, *, deleted: bool = False) -> SessionRecord | None:
        """Find a session by exact name, else by id, else by a unique prefix of its id.

        A prefix has four characters at least. ``deleted`` searches the bin instead.
        """
        in_bin = "deleted IS NOT NULL" if deleted else "deleted IS NULL"
        wanted = encode_text(name)
        for condition in ("name = ?", "id = ?"):
            newest = f"WHERE {condition} AND {in_bin} ORDER BY written DESC LIMIT 1"
            if (record := self._record(newest, wanted)) is not None:
                return record
        if len(name) < _LEAST_ID_CHARS or not isinstance(wanted, str):
            return None
        rows = self._run(
            # The plus keeps SQLite from scanning the whole bin, or all that is not in it.
            f"{_RECORDS} WHERE id >= ? AND id < ? AND +{in_bin} LIMIT 2",
            (wanted, wanted + "\U0010ffff"),
        ).fetchall()
        return record_from(rows[0][:-1], rows[0][-1]) if len(rows) == 1 else None

    def newest(self) -> SessionRecord | None:
        """Return the session that was written to last, or None."""
        return self._record(
            "INDEXED BY sessions_by_writing WHERE deleted IS NULL ORDER BY written DESC LIMIT 1"
        )

    def _record(self, condition: str, *values: object) -> SessionRecord | None:
        row = self._run(f"{_RECORDS} {condition}", values).fetchone()
        return None if row is None else record_from(row[:-1], row[-1])

    def sessions(
        self, words: str = "", *, deleted: bool = False, limit: int = 0
    ) -> Sequence[SessionSummary]:
        """List sessions, newest first; ``words`` filter name, title and first words.

        Sessions of the same time are listed in the order of their last writing. ``limit`` 0: all.
        """
        wanted = fold(words).split()
        rows = self._run(_SUMMARIES.format("IS NOT NULL" if deleted else "IS NULL"))
        summaries = (summary for summary in map(_summary_from, rows) if _matches(summary, wanted))
        return list(islice(summaries, limit or None))

    def usage(self, since: datetime) -> Sequence[UsageTotal]:
        """Sum up usage and cost since a time by model, the most expensive first.

        Imported answers are not counted.
        """
        rows = self._run(_TOTALS, (encode_time(since),)).fetchall()
        return [UsageTotal(decode_text(model), *totals) for model, *totals in rows]


def _matches(summary: SessionSummary, wanted: Sequence[str]) -> bool:
    if not wanted:
        return True
    text = fold(f"{summary.name or ''}\n{summary.title}\n{summary.first_words}")
    return all(word in text for word in wanted)


def _summary_from(row: Sequence[Any]) -> SessionSummary:
    id_, title, updated, name, model, message_count, first_words, size_bytes, deleted = row
    try:
        return SessionSummary(
            id=decode_text(id_),
            title=decode_text(title),
            updated=decode_time(updated),
            name=decode_optional(name),
            model=decode_optional(model),
            message_count=message_count,
            first_words=decode_optional(first_words) or "",
            size_bytes=size_bytes,
            deleted=None if deleted is None else decode_time(deleted),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise DamageError(f"a session cannot be read: {error}") from error
