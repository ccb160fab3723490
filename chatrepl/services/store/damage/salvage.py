"""Rescues what is readable of a damaged database into a new one.

The damaged file is only read. Rows are read by ranges of their numbers, halved around the places
that cannot be read, so that a broken page costs the rows on that page.
"""

import sqlite3
from collections.abc import Generator, Iterator
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

__all__ = ["rescue", "set_aside"]

_TABLES = ("sessions", "messages", "inherited", "chunks", "marks", "counts")
_HIGHEST = 2**62
_FIXES = (
    # A lost message in the middle of a path: what follows it joins what came before it.
    """UPDATE messages SET parent = (SELECT max(p.number) FROM messages p
        WHERE p.session = messages.session AND p.number < messages.number)
    WHERE parent >= number OR parent NOT IN (SELECT number FROM messages)""",
    """INSERT INTO sessions (number, id, title, settings, created, updated, written)
    SELECT session, 'recovered-' || session, 'recovered', '{}', min(created), max(created), 0
    FROM messages WHERE session > 0 AND session NOT IN (SELECT number FROM sessions)
    GROUP BY session""",
    "DELETE FROM inherited WHERE message NOT IN (SELECT number FROM messages)"
    " OR session NOT IN (SELECT number FROM sessions)",
    # Forks need all that precedes what they have.
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


def rescue(damaged: Path, target: Path, moment: datetime) -> tuple[int, int]:
    """Write what is readable into a new database at ``target``: sessions and messages rescued.

    ``moment`` stands for times that were lost. Raises ``sqlite3.Error`` and ``OSError`` when the
    new database cannot be written; reading the damaged one raises nothing.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    database = Database(target, busy_timeout_s=1)
    try:
        run = database.connection.execute
        run("PRAGMA foreign_keys = OFF")
        with database.transaction(), closing(_rows_of(damaged)) as rows:
            for table, row in rows:
                _insert(database, table, row, moment)
            for fix in _FIXES:
                run(fix)
            _describe_sessions(database)
        # One file, without a log beside it, can take the old one's place in one step.
        run("PRAGMA journal_mode = DELETE")
        counted = database.row(
            "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM messages)"
        )
        assert counted is not None
        return counted[0], counted[1]
    finally:
        database.close()


def set_aside(damaged: Path, replacement: Path, moment: datetime) -> Path:
    """Rename the damaged file, put the replacement in its place, and return the new name."""
    stamp = moment.strftime("%Y%m%d-%H%M%S")
    aside = damaged.with_name(f"{damaged.stem}.damaged-{stamp}{damaged.suffix}")
    count = 1
    while aside.exists():
        count += 1
        aside = damaged.with_name(f"{damaged.stem}.damaged-{stamp}-{count}{damaged.suffix}")
    Path(f"{damaged}-shm").unlink(missing_ok=True)
    # The logs first: left beside a new file of the old name, they would be taken for its own.
    for suffix in ("-wal", "-journal"):
        with suppress(FileNotFoundError):
            Path(f"{damaged}{suffix}").rename(f"{aside}{suffix}")
    damaged.rename(aside)
    replacement.rename(damaged)
    fsync_folder(damaged.parent)
    return aside


def _rows_of(damaged: Path) -> Generator[tuple[str, Row], None, None]:
    uri = f"file:{quote(str(damaged.resolve()))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.text_factory = _decode
        try:
            connection.execute("SELECT number FROM messages LIMIT 0").fetchall()
        except sqlite3.Error:
            # Not even the list of tables can be read.
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
            # What follows the last row that was read cannot be: look behind it.
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


def _insert(database: Database, table: str, row: Row, moment: datetime) -> None:
    if table == "messages":
        row = _sound_message(row, moment)
    elif table == "sessions":
        row = _sound_session(row, moment)
    names = [name for name in row if name in _columns_of(database, table)]
    places = ", ".join("?" for _ in names)
    # A row that breaks a rule of the tables is not readable in any useful sense.
    database.connection.execute(
        f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({places})",  # noqa: S608
        [row[name] for name in names],
    )


def _columns_of(database: Database, table: str) -> list[str]:
    return [row[1] for row in database.connection.execute(f"PRAGMA table_info({table})")]


def _sound_message(row: Row, moment: datetime) -> Row:
    """Replace what makes a message unreadable by what it would be without."""
    sound: dict[str, Any] = {"state": "cut", "created": encode_time(moment), "details": None}
    for name in ("", *sound):
        if name:
            row = {**row, name: sound[name]}
        with suppress(DamageError, KeyError):
            message_from([row[column] for column in MESSAGE_COLUMNS.split(", ")], None)
            break
    return row


def _sound_session(row: Row, moment: datetime) -> Row:
    now = encode_time(moment)
    sound = {"settings": "{}", "extra": None, "created": now, "updated": now}
    for name in ("", *sound):
        if name:
            row = {**row, name: sound[name]}
        with suppress(DamageError, KeyError):
            record_from([row[column] for column in RECORD_COLUMNS.split(", ")], None)
            break
    return row


def _describe_sessions(database: Database) -> None:
    """Give sessions that lost their row the first words they are known by."""
    run = database.connection.execute
    for (session,) in run("SELECT number FROM sessions WHERE first_words IS NULL").fetchall():
        first = database.row(
            "SELECT content FROM messages WHERE role = 'user' AND (session = ?1 OR number IN"
            " (SELECT message FROM inherited WHERE session = ?1)) ORDER BY number LIMIT 1",
            (session,),
        )
        if first is not None and isinstance(first[0], str):
            words = first_words_of(first[0])
            run(
                "UPDATE sessions SET first_words = ?1, title = CASE WHEN title = 'recovered'"
                " THEN ?1 ELSE title END WHERE number = ?2",
                (words, session),
            )
