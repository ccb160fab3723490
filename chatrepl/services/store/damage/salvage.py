"""Salvage of the readable rows of a damaged database into a new one.

The damaged file is only read. Where a table cannot be read on, its rows are asked for one by one,
by the row numbers on any page of the file: a broken page loses only the rows on it, and the work
grows no faster than the file.
"""

import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from functools import lru_cache
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
from chatrepl.services.store.damage.page_rows import Row, carve_rows, row_numbers
from chatrepl.services.store.database import Database

_TABLES = ("sessions", "messages", "inherited", "chunks", "marks", "counts")
_UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""Python decodes what SQLite says of a broken schema, which need not be text."""
_MOST_FAILURES = 100_000
"""Reads in a row that give nothing, after which the rest of a table is given up."""
_OPCODES_PER_CHECK = 10_000
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


def rescue(
    damaged: Path, target: Path, now: datetime, is_stopped: Callable[[], bool] = lambda: False
) -> tuple[int, int]:
    """Write the readable rows into a new database; return the counts of sessions and messages.

    ``now`` replaces times that were lost. Raises ``sqlite3.Error`` and ``OSError`` if the new
    database cannot be written, the first also once ``is_stopped`` returns true; reading the damaged
    one raises nothing.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    database = Database(target, busy_timeout_s=1)
    try:
        run = database.connection.execute
        run("PRAGMA foreign_keys = OFF")
        database.connection.set_progress_handler(is_stopped, _OPCODES_PER_CHECK)
        columns = {table: _columns_of(database.connection, table) for table in _TABLES}
        with database.transaction(), closing(_rows_of(damaged, is_stopped)) as rows:
            for table, row in rows:
                if is_stopped():
                    break
                _insert(database, table, row, columns[table], now)
            if is_stopped():
                raise sqlite3.OperationalError("interrupted")
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


def _rows_of(
    damaged: Path, is_stopped: Callable[[], bool]
) -> Generator[tuple[str, Row], None, None]:
    """Yield table names and rows: by SQLite, else from the raw pages.

    From these come all tables if the file cannot be opened, else those that cannot be read at all.
    """
    uri = f"file:{quote(str(damaged.resolve()))}?mode=ro"
    lost = set(_TABLES)
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.text_factory = _decode
        connection.set_progress_handler(is_stopped, _OPCODES_PER_CHECK)
        numbers = lru_cache(lambda: sorted(row_numbers(damaged)))
        with suppress(*_UNREADABLE):
            connection.execute("SELECT number FROM messages LIMIT 0").fetchall()
            for table in _TABLES:
                with suppress(*_UNREADABLE):
                    for row in _read_table(connection, table, numbers):
                        yield table, row
                    lost.discard(table)
    if lost:
        yield from ((table, row) for table, row in carve_rows(damaged) if table in lost)


def _decode(stored: bytes) -> str:
    return stored.decode("utf-8", "replace")


def _read_table(
    connection: sqlite3.Connection, table: str, numbers: Callable[[], Sequence[int]]
) -> Iterator[Row]:
    """Yield a table's readable rows. Raises ``sqlite3.Error`` if there are none but should be.

    ``numbers`` returns the row numbers to ask for, one by one, where the table cannot be read on.
    """
    names = _columns_of(connection, table)
    # NOT INDEXED: an index may be what is damaged.
    query = f"SELECT {', '.join(names)} FROM {table} NOT INDEXED"  # noqa: S608
    place = names.index("number")
    seen: set[int] = set()
    try:
        for values in connection.execute(query):
            if values[place] in seen:
                raise sqlite3.DatabaseError("the tree leads back to a page that was read")
            seen.add(values[place])
            yield dict(zip(names, values, strict=True))
    except _UNREADABLE:
        failures = 0
        for number in numbers():
            if number not in seen and failures < _MOST_FAILURES:
                try:
                    found = connection.execute(f"{query} WHERE number = ?", (number,)).fetchone()
                except _UNREADABLE:
                    failures += 1
                    continue
                if found is not None and found[place] not in seen:
                    failures = 0
                    seen.add(found[place])
                    yield dict(zip(names, found, strict=True))
        if not seen:
            raise


def _insert(
    database: Database, table: str, row: Row, columns: Sequence[str], now: datetime
) -> None:
    moment = encode_time(now)
    if table == "messages":
        defaults = {"state": "cut", "created": moment, "details": None}
        row = _repaired(row, MESSAGE_COLUMNS, message_from, defaults)
    elif table == "sessions":
        defaults = {"settings": "{}", "extra": None, "created": moment, "updated": moment}
        row = _repaired(row, RECORD_COLUMNS, record_from, defaults)
    names = [name for name in row if name in columns]
    places = ", ".join("?" for _ in names)
    # OR IGNORE: a row that violates a constraint is as good as lost.
    database.connection.execute(
        f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({places})",  # noqa: S608
        [row[name] for name in names],
    )


def _columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


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
