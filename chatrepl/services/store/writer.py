"""Changes of the store: sessions, messages, marks and counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from chatrepl.core.errors import StoreError, UsageError
from chatrepl.core.messages import Marks, Message, SessionRecord, State
from chatrepl.services.store.codec import (
    MESSAGE_COLUMNS,
    RECORD_COLUMNS,
    encode_optional,
    encode_text,
    encode_time,
    first_words_of,
    message_columns,
    record_columns,
    utf8_bytes,
)
from chatrepl.services.store.database import Database
from chatrepl.services.store.locks import Locks

_PLACES = ", ".join("?" for _ in MESSAGE_COLUMNS.split(","))
_NO_WRITER = "nobody"
"""In the column ``writer`` of a streaming message that no process is writing."""
_INSERT = f"""INSERT INTO messages (session, parent, writer, {MESSAGE_COLUMNS})
    VALUES (?, ?, ?, {_PLACES})"""  # noqa: S608
_REPLACE = f"""UPDATE messages SET (session, parent, writer, {MESSAGE_COLUMNS})
    = (?, ?, ?, {_PLACES}) WHERE number = ?"""  # noqa: S608
_INSERT_SESSION = f"""INSERT INTO sessions (written, head, {RECORD_COLUMNS})
    SELECT coalesce(max(written), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ? FROM sessions"""  # noqa: S608
_REPLACE_SESSION = f"""UPDATE sessions SET (written, head, {RECORD_COLUMNS})
    = ((SELECT max(written) + 1 FROM sessions), ?, ?, ?, ?, ?, ?, ?, ?) WHERE number = ?"""  # noqa: S608
_INHERIT_PATH = """
    INSERT OR IGNORE INTO inherited (session, message)
    WITH RECURSIVE path(number) AS (
        VALUES (?) UNION
        SELECT m.parent FROM path JOIN messages m ON m.number = path.number
        WHERE m.parent IS NOT NULL
    )
    SELECT ?, path.number FROM path JOIN messages m ON m.number = path.number
    WHERE m.session != ? ORDER BY path.number"""


class Writer:
    """The writing half of the ``Store`` port; each method is one transaction.

    All raise ``StoreError`` for sessions and messages that are not stored.
    """

    def __init__(self, database: Database, locks: Locks | None) -> None:
        self._database = database
        self._run = database.connection.execute
        self._locks = locks

    def create(self, record: SessionRecord, messages: Sequence[Message] = ()) -> None:
        """Add a session with its first messages, parents first.

        If its head is stored already, the session is a fork: the head's path becomes part of its
        tree. Raises ``UsageError`` for a name that another session has.
        """
        with self._database.transaction():
            self._check_name(record.name, session=None)
            if self._database.number_of("sessions", record.id) is not None:
                raise StoreError("a session of that id is stored already")
            self._run(_INSERT_SESSION, (None, *record_columns(record)))
            if messages:
                self._write(record.id, messages)
            self._move_head(record.id, record.head)

    def update(self, record: SessionRecord) -> None:
        """Replace a session's record. Raises ``UsageError`` for a name that another session has."""
        with self._database.transaction():
            session = self._session(record.id)
            self._check_name(record.name, session=session)
            head = self._message(record.head)
            self._run(_REPLACE_SESSION, (head, *record_columns(record), session))
            if head is not None:
                self._inherit(session, head)

    def add(self, session_id: str, messages: Sequence[Message], head: str | None) -> None:
        """Add or replace messages (by id), parents first, and move the session's head."""
        with self._database.transaction():
            self._write(session_id, messages)
            self._move_head(session_id, head)

    def begin_answer(self, session_id: str, message: Message) -> None:
        """Add an answer in state ``STREAMING``, with this process as its writer."""
        writer = self._locks.writer() if self._locks else "memory"
        with self._database.transaction():
            self._write(session_id, [message], writer)

    def append(self, message_id: str, text: str, reasoning: str) -> None:
        """Append text to a streaming answer, without rewriting what is stored of it."""
        with self._database.transaction():
            added = self._run(
                "INSERT INTO chunks (message, content, reasoning)"
                " SELECT number, ?, ? FROM messages WHERE id = ?",
                (encode_text(text), encode_text(reasoning), encode_text(message_id)),
            )
            if added.rowcount != 1:
                raise StoreError("text arrived for an answer that is not stored")

    def finish_answer(self, session_id: str, message: Message, head: str | None) -> None:
        """Replace a streaming answer by the complete one, and move the session's head."""
        self.add(session_id, [message], head)

    def set_state(self, session_id: str, message_id: str, state: str, head: str | None) -> None:
        """Change a message's state, and move the session's head."""
        with self._database.transaction():
            number = self._message(message_id)
            self._run(
                "UPDATE messages SET state = ? WHERE number = ?", (State(state).value, number)
            )
            self._write(session_id, [])
            self._move_head(session_id, head)

    def set_marks(self, session_id: str, marks: Marks) -> None:
        """Replace a session's pins and drops."""
        with self._database.transaction():
            session = self._write(session_id, [])
            self._run("DELETE FROM marks WHERE session = ?", (session,))
            for kind, ids in (("pinned", marks.pinned), ("dropped", marks.dropped)):
                for id_ in sorted(ids):
                    self._run(
                        "INSERT INTO marks (session, message, kind) VALUES (?, ?, ?)",
                        (session, self._message(id_), kind),
                    )

    def set_counts(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Store token counts by (message id, encoding); unknown messages are skipped."""
        with self._database.transaction():
            for (message_id, encoding), tokens in counts.items():
                self._run(
                    "INSERT INTO counts (message, encoding, tokens)"
                    " SELECT number, ?, ? FROM messages WHERE id = ?"
                    " ON CONFLICT (message, encoding) DO UPDATE SET tokens = excluded.tokens",
                    (encode_text(encoding), tokens, encode_text(message_id)),
                )

    def _check_name(self, name: str | None, *, session: int | None) -> None:
        """Raise ``UsageError`` if another session outside the bin has the name."""
        if name is None:
            return
        other = self._database.row(
            "SELECT number FROM sessions WHERE name = ? AND deleted IS NULL", (encode_text(name),)
        )
        if other is not None and other[0] != session:
            raise UsageError(
                f"another session is named {name!r} already", "choose another name, or /load it"
            )

    def _session(self, session_id: str) -> int:
        number = self._database.number_of("sessions", session_id)
        if number is None:
            raise StoreError("the session is not stored", "/save it under a name")
        return number

    def _message(self, message_id: str | None) -> int | None:
        if message_id is None:
            return None
        number = self._database.number_of("messages", message_id)
        if number is None:
            raise StoreError(f"the message {message_id!r} is not stored")
        return number

    def _is_in_tree(self, session: int, message: int) -> bool:
        return bool(
            self._database.row(
                "SELECT 1 FROM messages WHERE number = ? AND session = ? UNION ALL"
                " SELECT 1 FROM inherited WHERE session = ? AND message = ?",
                (message, session, session, message),
            )
        )

    def _inherit(self, session: int, message: int) -> None:
        """Make a message and its ancestors part of a session's tree, as far as they are not."""
        if self._is_in_tree(session, message):
            return
        added = self._run(_INHERIT_PATH, (message, session, session)).rowcount
        source = self._database.row(
            "SELECT s.size_bytes, s.model, s.first_words FROM messages m"
            " JOIN sessions s ON s.number = m.session WHERE m.number = ?",
            (message,),
        )
        self._run(
            """UPDATE sessions SET message_count = message_count + ?, size_bytes = size_bytes + ?,
                model = coalesce(model, ?), first_words = coalesce(first_words, ?)
            WHERE number = ?""",
            (added, *(source or (0, None, None)), session),
        )

    def _write(
        self, session_id: str, messages: Sequence[Message], writer: str | None = None
    ) -> int:
        """Add or replace messages, and update the session's columns for the list of sessions.

        Return the session's number. Without messages, only its order of writing is updated.
        """
        session = self._session(session_id)
        known: dict[str | None, int | None] = {None: None}
        added = size = 0
        for message in messages:
            if message.parent not in known:
                parent = known[message.parent] = self._message(message.parent)
                if parent is not None:
                    self._inherit(session, parent)
            number, is_new, growth = self._put(session, known[message.parent], message, writer)
            known[message.id] = number
            added += is_new
            size += growth
        first = next((m.content for m in messages if m.role == "user"), None)
        model = next((m.model for m in reversed(messages) if m.model is not None), None)
        self._run(
            """UPDATE sessions SET written = (SELECT max(written) + 1 FROM sessions),
                updated = max(updated, ?), message_count = message_count + ?,
                size_bytes = size_bytes + ?,
                model = coalesce(?, model), first_words = coalesce(first_words, ?)
            WHERE number = ?""",
            (
                max((encode_time(m.created) for m in messages), default=""),
                added,
                size,
                encode_optional(model),
                None if first is None else encode_text(first_words_of(first)),
                session,
            ),
        )
        return session

    def _put(
        self, session: int, parent: int | None, message: Message, writer: str | None
    ) -> tuple[int, bool, int]:
        """Insert a message, or replace the one with its id.

        Return its number, whether it is new, and by how many bytes of text the session grew.
        """
        columns = message_columns(message)
        if message.state is State.STREAMING:
            writer = writer or _NO_WRITER
        values: tuple[Any, ...] = (session, parent, writer, *columns)
        size = utf8_bytes(message.content + message.reasoning)
        old = self._database.row(
            "SELECT number, session, length(CAST(content AS BLOB))"
            " + length(CAST(reasoning AS BLOB)) FROM messages WHERE id = ?",
            (columns[0],),
        )
        if old is None:
            number = self._run(_INSERT, values).lastrowid
            assert number is not None
        elif old[1] != session:
            raise StoreError(f"a message of the id {message.id!r} is in another session already")
        else:
            number = int(old[0])
            self._run(_REPLACE, (*values, number))
            self._run("DELETE FROM chunks WHERE message = ?", (number,))
            self._run("DELETE FROM counts WHERE message = ?", (number,))
            size -= old[2]
        if message.state is not State.STREAMING:
            self._run("INSERT OR IGNORE INTO unindexed VALUES (?)", (number,))
        return number, old is None, size

    def _move_head(self, session_id: str, head: str | None) -> None:
        session, number = self._session(session_id), self._message(head)
        if number is not None:
            self._inherit(session, number)
        self._run("UPDATE sessions SET head = ? WHERE number = ?", (number, session))
