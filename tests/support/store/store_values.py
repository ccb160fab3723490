"""Sessions and messages to store, and ways to run a store and to crash it."""

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chatrepl.core.messages import Message, SessionRecord, State
from chatrepl.services.store import SqliteStore

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def session(id_: str = "s1", **fields: Any) -> SessionRecord:
    return replace(SessionRecord(id=id_, title="", created=START, updated=START), **fields)


def message(id_: str, parent: str | None = None, **fields: Any) -> Message:
    role = "user" if id_.startswith("u") else "assistant"
    plain = Message(id=id_, parent=parent, role=role, content=f"text of {id_}", created=START)
    return replace(plain, **fields)


def streaming(id_: str, parent: str | None = None, **fields: Any) -> Message:
    return message(id_, parent, **{"content": "", "state": State.STREAMING, **fields})


@asynccontextmanager
async def opened(path: Path | None, **options: Any) -> AsyncIterator[SqliteStore]:
    """Open a store, and close it at the end; None: a store in memory."""
    store = SqliteStore(path, **options)
    try:
        yield store
    finally:
        await store.close()


def rows_in(path: Path, table: str) -> int:
    """Count a table's rows in a database that is closed, and check that no row points nowhere."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return count


def crash_image(path: Path, target: Path) -> Path:
    """Copy a database as the disk holds it now, as a crash would leave it."""
    shutil.copytree(path.parent, target)
    return target / path.name
