"""A damaged database in the real program: it chats on, it leaves, and nothing is lost with it."""

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.servers.sse_server import SseServer
from tests.support.store.damaged_databases import PAGE_BYTES
from tests.support.terminal.program import Run, Start


def root_page(path: Path, name: str) -> int:
    """Return the first page of a table or index; that of the schema for any other name."""
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,))
        return int((row.fetchone() or (1,))[0])


def contents_in(path: Path) -> Sequence[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT content FROM messages ORDER BY number").fetchall()
    return [content for (content,) in rows]


def fill(home: Path, run: Run, server: SseServer) -> Path:
    """Have one conversation, and return the path of the database."""
    assert run("--base-url", server.base_url, "-S", "first", "question").returncode == 0
    return home / "chatrepl" / "sessions.db"


def overwrite_root(path: Path, name: str) -> None:
    place = (root_page(path, name) - 1) * PAGE_BYTES
    with path.open("r+b") as file:
        file.seek(place)
        file.write(random.Random(name).randbytes(PAGE_BYTES))


@pytest.mark.parametrize("name", ["schema", "sessions", "messages"])
def test_one_page_of_random_bytes_neither_stops_the_talk_nor_the_leaving(
    start: Start, run: Run, server: SseServer, home: Path, name: str
) -> None:
    path = fill(home, run, server)
    overwrite_root(path, name)
    damaged = path.read_bytes()
    chat = start("-c").ready()
    chat.say("hello").expect("You said: hello").ready()
    chat.leave()
    assert contents_in(path)[-2:] == ["hello", "You said: hello"]
    asides = list(path.parent.glob("sessions.damaged-*.db"))
    assert [aside.read_bytes() for aside in asides] == [damaged]
    assert "damaged" in chat.everything()


def test_ctrl_d_leaves_with_a_damaged_database(
    start: Start, run: Run, server: SseServer, home: Path
) -> None:
    overwrite_root(fill(home, run, server), "sessions")
    chat = start("-c").ready()
    chat.send("\x04")
    assert chat.wait_exit() == 0
