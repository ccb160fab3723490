"""Salvage of the readable rows of a damaged database into a new one.

The damaged file is only read. Rows are read by ranges of their numbers; a range that cannot be read
is halved, so that a broken page loses only the rows on that page.
"""

import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chatrepl.services.files.private_files import fsync_folder
from chatrepl.services.store.codec import (
    MESSAGE_COLUMNS,
    RECORD_COLUMNS,
    DamageError,
    encode_time,
    first_words_of,
    message_from,
    record_from,
)
from chatrepl.services.store.damage.page_rows import Row, carve_rows
from chatrepl.services.store.database import Database

_TABLES = ("sessions", "messages", "inherited", "chunks", "marks", "counts")
_HIGHEST = 2**62
_FIXES = (
    # A lost message in the middle of a path: attach its children to the message before it.
    """UPDATE messages SET parent = (SELECT max(p.number) FROM messages p
        WHERE p.session = messages.session AND p.number < messages.number)
    WHERE parent >= number OR parent NOT IN (SELECT number FROM messages)""",
    """INSERT INTO sessions (number, id, title, settings, created, updated, written)
    SELECT session, 'recovered-' || session, 'recovered', '{}', min(created), max(created), 0
    FROM messages WHERE session > 0 AND session NOT IN (SELECT number FROM sessions)
    GROUP BY session""",
    "DELETE FROM inherited WHERE message NOT IN (SELECT number FROM messages)"
    " OR session NOT IN (SELECT number FROM sessions)",
    # Forks need all ancestors of their messages.
    """WITH RECURSIVE needed(session, message) AS (
        SELECT session, message FROM inherited
        UNION SELECT m.session, p.number FROM messages m JOIN messages p ON p.number = m.parent
            WHERE p.session != m.session AND m.session > 0
        UNION SELECT s.number, m.number FROM sessions s JOIN messages m ON m.number = s.head
            WHERE m.session != s.number
        UNION SELECT n.session, p.number FROM needed n JOIN messages m ON m.number = n.message
            JOIN messages p ON p.number = m.parent WHERE p.session != n.session
    ) INSERT OR IGNORE INTO inherited (session, message) SELECT session, message FROM needed""",
    """UPDATE sessions SET head = (SELECT max(number) FROM messages m
        WHERE m.session = sessions.number AND m.state != 'streaming')
    WHERE head IS NULL OR head NOT IN (SELECT number FROM messages)""",
    "DELETE FROM chunks WHERE message NOT IN (SELECT number FROM messages)",
    "DELETE FROM counts WHERE message NOT IN (SELECT number FROM messages)",
    "DELETE FROM marks WHERE message NOT IN (SELECT number FROM messages)"
    " OR session NOT IN (SELECT number FROM sessions)",
    """UPDATE sessions SET (message_count, size_bytes) = (
        SELECT count(*), coalesce(sum(length(CAST(content AS BLOB))
            + length(CAST(reasoning AS BLOB))), 0) FROM messages
        WHERE session = sessions.number
            OR number IN (SELECT message FROM inherited i WHERE i.session = sessions.number))""",
    "INSERT OR IGNORE INTO unindexed SELECT number FROM messages WHERE state != 'streaming'",
)


def rescue(damaged: Path, target: Path, now: datetime) -> tuple[int, int]:
    """Write the readable rows into a new database; return the counts of sessions and messages.

    ``now`` replaces times that were lost. Raises ``sqlite3.Error`` and ``OSError`` if the new
    database cannot be written; reading the damaged one raises nothing.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    database = Database(target, busy_timeout_s=1)
    try:
        run = database.connection.execute
        run("PRAGMA foreign_keys = OFF")
        with database.transaction(), closing(_rows_of(damaged)) as rows:
            for table, row in rows:
                _insert(database, table, row, now)
            for fix in _FIXES:
                run(fix)
            _describe_sessions(database)
        # A single file, without a log beside it, can replace the old one atomically.
        run("PRAGMA journal_mode = DELETE")
        counts = run("SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM messages)")
        sessions, messages = counts.fetchone()
        return sessions, messages
    finally:
        database.close()


def set_aside(damaged: Path, replacement: Path, now: datetime) -> Path:
    """Rename the damaged file, put the replacement in its place, and return the new name."""
    stamp = now.strftime("%Y%m%d-%H%M%S")
    aside = damaged.with_name(f"{damaged.stem}.damaged-{stamp}{damaged.suffix}")
    count = 1
    while aside.exists():
        count += 1
        aside = damaged.with_name(f"{damaged.stem}.damaged-{stamp}-{count}{damaged.suffix}")
    Path(f"{damaged}-shm").unlink(missing_ok=True)
    # The logs first: beside a new file of the old name, SQLite would apply them to it.
    for suffix in ("-wal", "-journal"):
        with suppress(FileNotFoundError):
            Path(f"{damaged}{suffix}").rename(f"{aside}{suffix}")
    damaged.rename(aside)
    replacement.rename(damaged)
    fsync_folder(damaged.parent)
    return aside


def _rows_of(damaged: Path) -> Generator[tuple[str, Row], None, None]:
    """Yield table names and rows, by SQLite if it can open the file, else from the raw pages."""
    uri = f"file:{quote(str(damaged.resolve()))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.text_factory = _decode
        try:
            connection.execute("SELECT number FROM messages LIMIT 0").fetchall()
        except sqlite3.Error:
            # Not even the table of tables can be read.
            yield from carve_rows(damaged)
            return
        for table in _TABLES:
            with suppress(sqlite3.Error):
                for row in _read_table(connection, table):
                    yield table, row


def _decode(stored: bytes) -> str:
    return stored.decode("utf-8", "replace")


def _read_table(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    # NOT INDEXED: an index may be what is damaged.
    query = f"""SELECT {", ".join(names)} FROM {table} NOT INDEXED
        WHERE number BETWEEN ? AND ? ORDER BY number"""  # noqa: S608
    ranges = [(1, _highest(connection, table))]
    while ranges:
        low, high = ranges.pop()
        last = low - 1
        try:
            for values in connection.execute(query, (low, high)):
                last = values[names.index("number")]
                yield dict(zip(names, values, strict=True))
        except sqlite3.Error:
            # The row after the last one read is damaged: skip ahead, by halves of the rest.
            low = last + 1
            if low < high:
                middle = (low + high) // 2
                ranges += [(middle + 1, high), (low, middle)]


def _highest(connection: sqlite3.Connection, table: str) -> int:
    try:
        row = connection.execute(f"SELECT max(number) FROM {table} NOT INDEXED").fetchone()  # noqa: S608
        return int(row[0] or 0)
    except sqlite3.Error:
        return _HIGHEST


def _insert(database: Database, table: str, row: Row, now: datetime) -> None:
    moment = encode_time(now)
    if table == "messages":
        defaults = {"state": "cut", "created": moment, "details": None}
        row = _repaired(row, MESSAGE_COLUMNS, message_from, defaults)
    elif table == "sessions":
        defaults = {"settings": "{}", "extra": None, "created": moment, "updated": moment}
        row = _repaired(row, RECORD_COLUMNS, record_from, defaults)
    names = [name for name in row if name in _columns_of(database, table)]
    places = ", ".join("?" for _ in names)
    # OR IGNORE: a row that violates a constraint is as good as lost.
    database.connection.execute(
        f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({places})",  # noqa: S608
        [row[name] for name in names],
    )


def _columns_of(database: Database, table: str) -> list[str]:
    return [row[1] for row in database.connection.execute(f"PRAGMA table_info({table})")]


def _repaired(
    row: Row,
    columns: str,
    decode: Callable[[Sequence[Any], None], object],
    defaults: Mapping[str, str | None],
) -> Row:
    """Replace values by their defaults, one column after the other, until the row decodes."""
    for name in (None, *defaults):
        if name is not None:
            row = {**row, name: defaults[name]}
        with suppress(DamageError, KeyError):
            decode([row[column] for column in columns.split(", ")], None)
            break
    return row


def _describe_sessions(database: Database) -> None:
    """Restore first words and title of sessions whose row was lost."""
    run = database.connection.execute
    for (session,) in run("SELECT number FROM sessions WHERE first_words IS NULL").fetchall():
        first = database.row(
            "SELECT content FROM messages WHERE role = 'user' AND (session = :session OR number"
            " IN (SELECT message FROM inherited WHERE session = :session)) ORDER BY number LIMIT 1",
            {"session": session},
        )
        if first is not None and isinstance(first[0], str):
            run(
                "UPDATE sessions SET first_words = :words, title = CASE WHEN title = 'recovered'"
                " THEN :words ELSE title END WHERE number = :session",
                {"words": first_words_of(first[0]), "session": session},
            )
