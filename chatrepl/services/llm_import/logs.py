"""Import of conversations from the ``llm`` tool's ``logs.db``, which is only read.

Both generations of its tables are read: the older ones (``responses``, ``conversations``) and the
message store (``threads``, ``messages``, ``turns``). SQLite is imported at the first read.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.services.files.private_files import error_text

if TYPE_CHECKING:
    import sqlite3

    from chatrepl.core.transcript import Transcript


_MAGIC = b"SQLite format 3\x00"
_HINT = "name a logs.db of llm: `llm logs path` tells where it is"

Row = dict[str, Any]


class LlmLogs:
    """Implements the core's ``ForeignLogs`` port."""

    def is_database(self, path: str) -> bool:
        """Return whether a file is an SQLite database. Raises ``UsageError``."""
        try:
            file = Path(path).expanduser()
            # Not for a pipe: opening one without a writer would block for ever.
            if not file.is_file():
                return False
            with file.open("rb") as opened:
                return opened.read(len(_MAGIC)) == _MAGIC
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(f"cannot read {path}: {error_text(error)}") from None

    async def read(
        self, path: str, *, new_id: Callable[[], str], now: datetime
    ) -> AsyncIterator["tuple[Transcript, int, int]"]:
        """Yield each conversation, with the numbers of those read and of all."""
        file = await asyncio.to_thread(Path(path).expanduser)
        conversations = read_llm_logs(file, new_id=new_id, now=now)
        loop = asyncio.get_running_loop()
        # SQLite requires one thread for a connection's whole life.
        with ThreadPoolExecutor(1, thread_name_prefix="chatrepl-import") as thread:
            try:
                while step := await loop.run_in_executor(thread, next, conversations, None):
                    yield step
            finally:
                thread.submit(conversations.close)


def read_llm_logs(
    path: Path, *, new_id: Callable[[], str], now: datetime
) -> "Generator[tuple[Transcript, int, int], None, None]":
    """Yield every conversation, with the numbers of those read and of all; oldest first.

    A prompt without a conversation is one of its own. A conversation that both generations of
    tables hold is yielded once, unless the older tables hold answers that the newer do not. Raises
    ``UsageError``.
    """
    import sqlite3

    from chatrepl.core.transcript import from_llm_rows, from_llm_thread

    try:
        with closing(_open(path)) as connection:
            logs = _Database(connection)
            if not logs.tables & {"responses", "turns"}:
                raise UsageError(f"{path} is no database of llm's", _HINT)
            legacy, threads = logs.conversations(), logs.threads()
            total = len(legacy) + len(threads)
            answers: dict[str, set[str]] = {}
            for number, thread in enumerate(threads, 1):
                messages, turns = logs.thread_rows(thread)
                answers[thread["id"]] = {_text(row) for row in messages}
                transcript = from_llm_thread(thread, messages, turns, new_id=new_id, now=now)
                yield transcript, number, total
            for number, conversation in enumerate(legacy, len(threads) + 1):
                responses = logs.responses(conversation)
                known = answers.get(conversation["id"], set())
                if any((row["response"] or "") not in known for row in responses):
                    transcript = from_llm_rows(conversation, responses, new_id=new_id, now=now)
                    yield transcript, number, total
    except sqlite3.DatabaseError as error:
        raise UsageError(f"{path} cannot be read: {error}", _HINT) from error


def _open(path: Path) -> "sqlite3.Connection":
    import sqlite3

    address = path.resolve().as_uri()
    connection = sqlite3.connect(f"{address}?mode=ro", uri=True)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        if not isinstance(error, sqlite3.OperationalError):
            raise
        # A write-ahead log in a folder that cannot be written: read the main file alone.
        connection = sqlite3.connect(f"{address}?immutable=1", uri=True)
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    return connection


class _Database:
    """Queries of the database; tables that its version of llm lacks count as empty."""

    def __init__(self, connection: "sqlite3.Connection") -> None:
        self._connection = connection
        self.tables = {
            row["name"]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }

    def threads(self) -> list[Row]:
        """List the conversations of the message store, oldest first."""
        if "threads" not in self.tables:
            return []
        return self._rows("SELECT * FROM threads ORDER BY datetime_utc, id")

    def conversations(self) -> list[Row]:
        """List the conversations of the older tables that the message store lacks in part."""
        if "responses" not in self.tables:
            return []
        has_names = "conversations" in self.tables
        name = "(SELECT name FROM conversations c WHERE c.id = r.conversation_id)"
        query = f"""
            SELECT r.conversation_id AS id, {name if has_names else "NULL"} AS name,
                CASE WHEN r.conversation_id IS NULL THEN r.id END AS lone
            FROM responses r {"WHERE r.id NOT IN (SELECT id FROM turns)" * ("turns" in self.tables)}
            GROUP BY r.conversation_id, lone ORDER BY MIN(r.datetime_utc), MIN(r.rowid)
        """  # noqa: S608
        return self._rows(query)

    def responses(self, conversation: Row) -> list[Row]:
        """Read a conversation's prompts and answers, oldest first."""
        column = "conversation_id" if conversation["lone"] is None else "id"
        rows = self._rows(
            f"SELECT * FROM responses WHERE {column} = ? ORDER BY datetime_utc, rowid",  # noqa: S608
            conversation["id"] if conversation["lone"] is None else conversation["lone"],
        )
        for row in rows:
            row["prompt"] = self._with_fragments(row, "prompt")
            row["system"] = self._with_fragments(row, "system")
            row["attachments"] = self._attachments_of(row["id"])
            row["tool_calls"] = self._of_response("tool_calls", row["id"])
            row["tool_results"] = self._of_response("tool_results", row["id"])
        return rows

    def thread_rows(self, thread: Row) -> tuple[list[Row], list[Row]]:
        """Read a thread's messages, parents first, and its turns, oldest first."""
        turns = self._rows(
            "SELECT * FROM turns WHERE thread_id = ? ORDER BY datetime_utc, id", thread["id"]
        )
        tips = [turn["tip_message_hash"] for turn in turns] + [thread["tip_message_hash"]]
        found: dict[str, Row] = {}
        for tip in tips:
            found.update((row["hash"], row) for row in reversed(self._chain(tip, found)))
        for row in found.values():
            parts = self._rows(
                "SELECT type, text, payload FROM parts WHERE message_hash = ? ORDER BY position",
                row["hash"],
            )
            row["parts"] = [self._part(part) for part in parts]
        return list(found.values()), turns

    def _chain(self, tip: str | None, known: dict[str, Row]) -> list[Row]:
        chain: list[Row] = []
        seen = set(known)
        while tip is not None and tip not in seen:
            seen.add(tip)
            rows = self._rows("SELECT hash, parent_hash, role FROM messages WHERE hash = ?", tip)
            if not rows:
                break
            chain.append(rows[0])
            tip = rows[0]["parent_hash"]
        return chain

    def _part(self, row: Row) -> Row:
        part = _object(row["payload"])
        part["type"] = row["type"]
        if row["text"] is not None:
            part["text"] = row["text"]
        pieces = part.pop("text_ref", None)
        if isinstance(pieces, list):
            part["text"] = "".join(self._piece(piece) for piece in pieces)
        attached = part.get("attachment")
        if isinstance(attached, dict) and "id" in attached:
            part["attachment"] = next(
                iter(self._attachments("WHERE a.id = ?", str(attached["id"]))), attached
            )
        return part

    def _piece(self, piece: object) -> str:
        if not isinstance(piece, dict):
            return ""
        if "literal" in piece:
            return str(piece["literal"])
        rows = self._rows("SELECT content FROM fragments WHERE id = ?", piece.get("fragment"))
        return str(rows[0]["content"]) if rows else ""

    def _with_fragments(self, row: Row, kind: str) -> str:
        texts = [row.get(kind) or ""]
        table = f"{kind}_fragments"
        if table in self.tables:
            fragments = self._rows(
                f"SELECT f.content FROM {table} p JOIN fragments f ON f.id = p.fragment_id"  # noqa: S608
                ' WHERE p.response_id = ? ORDER BY p."order"',
                row["id"],
            )
            texts = [fragment["content"] or "" for fragment in fragments] + texts
        return "\n".join(text for text in texts if text)

    def _of_response(self, table: str, response_id: str) -> list[Row]:
        if table not in self.tables:
            return []
        return self._rows(
            f"SELECT * FROM {table} WHERE response_id = ? ORDER BY id",  # noqa: S608
            response_id,
        )

    def _attachments_of(self, response_id: str) -> Sequence[Json]:
        if "prompt_attachments" not in self.tables:
            return []
        return self._attachments(
            "JOIN prompt_attachments p ON p.attachment_id = a.id"
            ' WHERE p.response_id = ? ORDER BY p."order"',
            response_id,
        )

    def _attachments(self, where: str, value: str) -> list[Json]:
        query = f"SELECT a.type, a.path, a.url, a.content FROM attachments a {where}"  # noqa: S608
        return [_content_part(row) for row in self._rows(query, value)]

    def _rows(self, query: str, *values: object) -> list[Row]:
        return [dict(row) for row in self._connection.execute(query, values)]


def _content_part(row: Row) -> Json:
    """Convert an attachment to the API's content part."""
    kind = row["type"] or "application/octet-stream"
    content = row["content"]
    if isinstance(content, bytes):
        address = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    else:
        address = row["url"] or row["path"] or ""
    if kind.startswith("image/") and (row["url"] or isinstance(content, bytes)):
        return {"type": "image_url", "image_url": {"url": address}}
    key = "file_data" if isinstance(content, bytes) else "filename"
    return {"type": "file", "file": {key: address}}


def _text(message: Row) -> str:
    return "".join(part.get("text") or "" for part in message["parts"] if part["type"] == "text")


def _object(text: str | None) -> Row:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
