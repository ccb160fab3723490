import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatrepl.core.errors import StoreError
from chatrepl.services.store import SqliteStore
from chatrepl.services.store.database import is_network_file_system
from tests.support.store.store_values import message, opened, session, streaming

NOBODY = 65534


def limit_pages(store: SqliteStore, pages: int) -> None:
    """Limit the database to a number of pages, beyond which SQLite reports a full disk."""
    assert store._engine is not None and store._engine._open is not None
    connection = store._engine._open.database.connection
    connection.execute(f"PRAGMA max_page_count = {pages}")


async def pages_in(store: SqliteStore, pages: int) -> None:
    await store._run(lambda _: limit_pages(store, pages))


async def test_a_full_disk_is_told_and_what_was_saved_stays_and_saving_goes_on_later(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    async with opened(path) as store:
        await store.create(session())
        await pages_in(store, 60)
        acknowledged = 0
        with pytest.raises(StoreError, match="the disk is full") as caught:
            for n in range(1000):
                parent = f"u{n - 1}" if n else None
                await store.add("s1", [message(f"u{n}", parent, content="x" * 900)], f"u{n}")
                acknowledged += 1
        assert "\n" not in str(caught.value)
        loaded = await store.load("s1")
        assert (len(loaded.messages), loaded.record.head) == (
            acknowledged,
            f"u{acknowledged - 1}",
        )
        await pages_in(store, 100_000)
        await store.add("s1", [message("after", f"u{acknowledged - 1}")], "after")
    assert acknowledged > 5
    async with opened(path) as store:
        assert len((await store.load("s1")).messages) == acknowledged + 1


async def test_an_answer_that_fills_the_disk_keeps_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with opened(path) as store:
        await store.create(session())
        await store.add("s1", [message("u1")], "u1")
        await store.begin_answer("s1", streaming("a1", "u1"))
        await pages_in(store, 60)
        appended = 0
        with pytest.raises(StoreError, match="the disk is full"):
            for n in range(1000):
                await store.append("a1", f"{n:>900}", "")
                appended += 1
        with pytest.raises(StoreError, match="the disk is full"):
            whole = message("a1", "u1", content="y" * 1_000_000)
            await store.finish_answer("s1", whole, "a1")
    async with opened(path) as store:
        loaded = await store.load("s1")
    assert loaded.messages[1].content == "".join(f"{n:>900}" for n in range(appended))
    assert loaded.record.head == "a1"


LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from chatrepl.core.errors import StoreError
from chatrepl.services.store import SqliteStore
from tests.support.store.store_values import message, session

async def main() -> None:
    store = SqliteStore(Path(sys.argv[1]))
    await store.create(session())
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    try:
        for n in range(1000):
            parent = f"u{n - 1}" if n else None
            await store.add("s1", [message(f"u{n}", parent, content="x" * 900)], f"u{n}")
            print(n, flush=True)
    except StoreError as error:
        print(error, flush=True)
    await store.close()

asyncio.run(main())
"""


@pytest.mark.process
async def test_a_limit_on_the_size_of_files_is_told_and_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, path], capture_output=True, text=True, check=True
    )
    *numbers, told = done.stdout.splitlines()
    assert "the disk refused" in told
    assert len(numbers) > 5
    assert done.stderr == ""
    async with opened(path) as store:
        loaded = await store.load("s1")
    assert [m.id for m in loaded.messages] == [f"u{n}" for n in range(len(numbers))]


async def test_a_file_in_the_place_of_the_folder_is_told_and_stays(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("mine")
    async with opened(tmp_path / "home" / "s.db") as store:
        for attempt in (store.create(session()), store.newest(), store.lock("s1")):
            with pytest.raises(StoreError, match="a file stands where a folder is needed"):
                await attempt
    assert (tmp_path / "home").read_text() == "mine"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can access, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Run the block as a user without privileges, if the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    # What is imported late may lie where only root can read.
    import chatrepl.services.store.opening  # noqa: F401

    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_folder_that_cannot_be_written_is_told(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with unprivileged():
        async with opened(open_folder / "data" / "s.db") as store:
            with pytest.raises(StoreError, match="permission denied"):
                await store.create(session())


async def test_a_read_only_database_can_still_be_read(open_folder: Path) -> None:
    data = open_folder / "data"
    path = data / "s.db"
    async with opened(path) as store:
        await store.create(session())
        await store.add("s1", [message("u1")], "u1")
        await store.begin_answer("s1", streaming("a1", "u1"))
        await store.append("a1", "text", "")
    path.chmod(0o444)
    data.chmod(0o555)
    before = path.read_bytes()
    with unprivileged():
        async with opened(path) as store:
            loaded = await store.load("s1")
            assert [m.content for m in loaded.messages] == ["text of u1", "text"]
            assert [s.id for s in await store.sessions()] == ["s1"]
            with pytest.raises(StoreError, match="read-only"):
                await store.add("s1", [message("u2", "u1")], "u2")
    assert path.read_bytes() == before
    data.chmod(0o755)


async def test_a_database_locked_by_another_program_is_told_and_used_again_later(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    async with opened(path, busy_timeout_s=0.05) as store:
        await store.create(session())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program"):
            await store.add("s1", [message("u1")], "u1")
        assert (await store.load("s1")).messages == []
        other.execute("ROLLBACK")
        other.close()
        await store.add("s1", [message("u1")], "u1")


WRITER = """
import asyncio, sys
from pathlib import Path
from chatrepl.services.store import SqliteStore
from tests.support.store.store_values import message, session

async def main() -> None:
    store, name = SqliteStore(Path(sys.argv[1])), sys.argv[2]
    await store.create(session(name))
    assert await store.lock(name)
    for n in range(50):
        parent = f"u{name}.{n - 1}" if n else None
        await store.add(name, [message(f"u{name}.{n}", parent)], f"u{name}.{n}")
    await store.close()

asyncio.run(main())
"""


@pytest.mark.process
async def test_four_processes_write_at_once_and_nothing_is_lost_or_mixed(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    names = ["a", "b", "c", "d"]
    children = [subprocess.Popen([sys.executable, "-c", WRITER, path, name]) for name in names]
    assert [child.wait() for child in children] == [0, 0, 0, 0]
    async with opened(path) as store:
        for name in names:
            loaded = await store.load(name)
            assert [m.id for m in loaded.messages] == [f"u{name}.{n}" for n in range(50)]


async def test_a_call_that_is_cancelled_while_it_waits_is_carried_out_all_the_same(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "s.db") as store:
        await store.create(session())
        gate = threading.Event()
        blocked = asyncio.ensure_future(store._run(lambda _: gate.wait()))
        saving = asyncio.ensure_future(store.add("s1", [message("u1")], "u1"))
        failing = asyncio.ensure_future(store.add("s9", [message("u9")], "u9"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        saving.cancel()
        failing.cancel()
        await asyncio.wait([saving, failing])
        assert saving.cancelled()
        gate.set()
        await blocked
        assert [m.id for m in (await store.load("s1")).messages] == ["u1"]
        # Nobody was left to be told of the failure.
        assert len(store.warnings) == 1
        assert "not stored" in store.warnings[0]


@pytest.mark.process
def test_nothing_is_opened_or_imported_before_the_first_call(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from chatrepl.services.store import SqliteStore\n"
        "SqliteStore(pathlib.Path(sys.argv[1]))\n"
        "print('sqlite3' in sys.modules, 'chatrepl.services.store.opening' in sys.modules)\n"
    )
    path = tmp_path / "new" / "s.db"
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert done.stdout == "False False\n"
    assert list(tmp_path.iterdir()) == []


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/me/local\\040disk ext4 rw 0 0
//nas/share /mnt/nas cifs rw 0 0
tmpfs /mnt/nas/fast tmpfs rw 0 0
me@host: /mnt/ssh fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "is_network"),
    [
        ("/data/s.db", False),
        ("/home/me/s.db", True),
        ("/homes/me/s.db", False),
        ("/home/me/local disk/s.db", False),
        ("/mnt/nas/s.db", True),
        ("/mnt/nas/fast/s.db", False),
        ("/mnt/ssh/s.db", True),
    ],
)
def test_network_file_systems_are_known_by_the_innermost_mount(path: str, is_network: bool) -> None:
    assert is_network_file_system(Path(path), MOUNTS) is is_network


async def test_a_file_system_that_cannot_share_memory_gets_another_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x {tmp_path.resolve()} nfs rw 0 0\n")
    monkeypatch.setattr("chatrepl.services.store.database._MOUNTS", mounts)
    path = tmp_path / "s.db"
    async with opened(path) as store:
        await store.create(session())
        await store.add("s1", [message("u1")], "u1")
        assert "s.db-wal" not in [entry.name for entry in tmp_path.iterdir()]
    async with opened(path) as store:
        assert [m.id for m in (await store.load("s1")).messages] == ["u1"]
