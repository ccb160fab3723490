"""Disks that fail: told in a line that stays, and nothing is lost."""

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import PROGRAM, Chat, Run, Start

# Root may write everywhere: it gives that up, for itself and what it starts.
_AS_ANYBODY = """
import ctypes, os, sys
if os.geteuid() == 0:
    for capability in (1, 2):
        if ctypes.CDLL(None, use_errno=True).prctl(24, capability, 0, 0, 0):
            sys.exit("no right to give up rights")
os.execv(sys.argv[1], sys.argv[1:])
"""
_LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
os.execv(sys.argv[2], sys.argv[2:])
"""


def as_anybody() -> Sequence[str]:
    """Return a prefix that binds the program by permissions where the tests run as root."""
    return [sys.executable, "-c", _AS_ANYBODY, *PROGRAM]


@pytest.fixture
def data(home: Path) -> Path:
    return home / "chatrepl"


def turns(run: Run, name: str) -> list[str]:
    """Return the user's messages of a session on disk."""
    exported = run("-r", name, "--export", "-").stdout
    return [m["content"] for m in json.loads(exported)["messages"] if m["role"] == "user"]


def status(chat: Chat) -> str:
    """Return the line below the prompt."""
    return chat.text().splitlines()[-1]


def expect_unsaved(chat: Chat, why: str) -> None:
    """Wait until a failure is told, once, among the answers and in the line that stays."""
    chat.expect(f"NOT SAVED: {why}")
    chat.wait_for(lambda _: "NOT SAVED" in status(chat))


def expect_to_go_on(chat: Chat, text: str) -> None:
    """Send a message and get its answer while the line stays."""
    chat.say(text).expect(f"You said: {text}", timeout_s=30).ready()
    chat.wait_for(lambda _: "NOT SAVED" in status(chat))


def told(chat: Chat) -> int:
    """Count the notices of the failure, without the line that stays."""
    return "\n".join(chat.everything().splitlines()[:-1]).count("NOT SAVED:")


def rescued(chat: Chat, folder: Path) -> list[str]:
    """Leave; return the user's messages in the copy that the program says it wrote."""
    chat.say("/exit")
    assert chat.wait_exit() == 0
    assert chat.dirt() == []
    chat.expect("a copy is")
    (copy,) = folder.glob("chatrepl-*.json")
    assert copy.stat().st_mode & 0o777 == 0o600
    return [m["content"] for m in json.loads(copy.read_text())["messages"] if m["role"] == "user"]


def test_a_limit_on_files_is_told_and_what_was_saved_stays_and_the_rest_is_copied(
    start_alone: Start, server: SseServer, run: Run, tmp_path: Path
) -> None:
    limit = [sys.executable, "-c", _LIMITED, "1500000", *PROGRAM, "--base-url", server.base_url]
    room = tmp_path / "tmp"
    room.mkdir()
    chat = start_alone("-S", "full", argv=limit, env={"TMPDIR": str(room)}).ready()
    said: list[str] = []
    for number in range(40):
        said.append(f"turn {number}")
        server.answer(f"answer {number}: " + "long " * 4000)
        chat.say(said[-1]).wait_until(lambda: len(server.requests) > number, "no request")  # noqa: B023
        chat.settle(30)
        if "NOT SAVED" in status(chat):
            break
    expect_unsaved(chat, "the disk")
    assert told(chat) == 1
    saved = len(said) - 1
    assert saved > 0
    expect_to_go_on(chat, "and on")
    assert rescued(chat, room) == [*said, "and on"]
    on_disk = turns(run, "full")
    assert on_disk[:saved] == said[:saved]


def test_a_folder_that_cannot_be_written_is_told_once_at_the_start(
    start_alone: Start, server: SseServer, home: Path, tmp_path: Path
) -> None:
    home.chmod(0o555)
    room = tmp_path / "tmp"
    room.mkdir()
    argv = [*as_anybody(), "--base-url", server.base_url]
    chat = start_alone("-c", argv=argv, env={"TMPDIR": str(room)})
    if "no right" in chat.expect("n").everything():
        pytest.skip("this root cannot give up its rights")
    expect_unsaved(chat, "the session database cannot be used: permission denied")
    expect_to_go_on(chat, "hello")
    assert told(chat) == 1
    assert list(home.iterdir()) == []
    # The folder becomes writable while the program runs: all is written.
    home.chmod(0o755)
    chat.expect("saved again").wait_for(lambda _: "NOT SAVED" not in status(chat))
    chat.leave()
    with closing(sqlite3.connect(home / "chatrepl" / "sessions.db")) as connection:
        found = connection.execute("SELECT content FROM messages ORDER BY number").fetchall()
    assert found == [("hello",), ("You said: hello",)]


def test_a_read_only_database_is_read_and_said_to_be_so(
    start_alone: Start, start: Start, server: SseServer, data: Path, tmp_path: Path
) -> None:
    start("-S", "kept").ready().say("one").expect("You said: one").ready().leave()
    database = data / "sessions.db"
    before = database.read_bytes()
    database.chmod(0o444)
    data.chmod(0o555)
    room = tmp_path / "tmp"
    room.mkdir()
    argv = [*as_anybody(), "--base-url", server.base_url]
    chat = start_alone("-r", "kept", argv=argv, env={"TMPDIR": str(room)}).expect("You said: one")
    chat.ready().say("two").expect("You said: two")
    expect_unsaved(chat, "the session database is read-only")
    expect_to_go_on(chat, "three")
    assert rescued(chat, room) == ["one", "two", "three"]
    assert database.read_bytes() == before
    data.chmod(0o755)


def test_a_lock_held_elsewhere_is_told_and_all_is_saved_when_it_is_free(
    start: Start, run: Run, data: Path
) -> None:
    chat = start("-S", "locked").ready()
    chat.say("one").expect("You said: one").ready()
    with closing(sqlite3.connect(data / "sessions.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        chat.say("two").expect("You said: two", timeout_s=30).ready()
        expect_unsaved(chat, "the session database is locked by another program")
        expect_to_go_on(chat, "three")
        assert told(chat) == 1
        other.execute("ROLLBACK")
    chat.expect("saved again", timeout_s=30)
    chat.wait_for(lambda _: "NOT SAVED" not in status(chat))
    chat.leave()
    assert turns(run, "locked") == ["one", "two", "three"]


def test_a_database_with_corrupt_pages_is_set_aside_and_what_is_readable_is_there(
    start: Start, run: Run, server: SseServer, data: Path
) -> None:
    chat = start("-S", "hurt").ready()
    for number in range(12):
        server.answer(f"answer {number} " + "text " * 1500)
        chat.say(f"turn {number}").settle()
    chat.leave()
    database = data / "sessions.db"
    content = bytearray(database.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 3 * 4096] = os.urandom(3 * 4096)
    database.write_bytes(content)
    chat = start("-c").expect("the session database was damaged").ready()
    chat.say("after it").expect("You said: after it").ready().leave()
    (aside,) = data.glob("sessions.damaged-*.db")
    assert aside.read_bytes() == content
    assert aside.stat().st_mode & 0o777 == 0o600
    exported = run("-c", "--export", "-").stdout
    tree = json.loads(exported)["tree"]
    readable = {m["content"] for m in tree}
    assert "after it" in readable
    assert sum(f"turn {number}" in readable for number in range(12)) >= 6
    again = start("-c").expect("going on with").ready()
    assert "damaged" not in again.everything()
    again.leave()


def test_a_database_from_a_newer_version_is_left_alone_and_told_once(
    start: Start, data: Path, tmp_path: Path
) -> None:
    start("-S", "kept").ready().say("one").expect("You said: one").ready().leave()
    database = data / "sessions.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = database.read_bytes()
    room = tmp_path / "tmp"
    room.mkdir()
    chat = start("-r", "kept", env={"TMPDIR": str(room)})
    expect_unsaved(chat, "sessions.db is from a newer chatrepl")
    expect_to_go_on(chat, "hello")
    assert told(chat) == 1
    assert rescued(chat, room) == ["hello"]
    assert database.read_bytes() == before


def test_a_missing_home_is_told_and_chatting_goes_on(
    start_alone: Start, server: SseServer, tmp_path: Path
) -> None:
    room = tmp_path / "tmp"
    room.mkdir()
    argv = [shutil.which("env") or "env", "-u", "CHATREPL_HOME", "HOME=/proc/nowhere", *PROGRAM]
    chat = start_alone("--base-url", server.base_url, argv=argv, env={"TMPDIR": str(room)})
    expect_unsaved(chat, "the session database cannot be used")
    expect_to_go_on(chat, "hello")
    assert told(chat) == 1
    assert rescued(chat, room) == ["hello"]
