import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatrepl.core.errors import StoreError, UsageError
from chatrepl.core.messages import State
from chatrepl.core.ports.storage import LoadedSession
from chatrepl.services.store import SqliteStore
from tests.support.store.store_values import (
    at,
    crash_image,
    message,
    opened,
    rows_in,
    session,
    streaming,
)


async def _stream(store: SqliteStore, *ids: str) -> None:
    await store.create(session())
    await store.add("s1", [message("u1")], "u1")
    for id_ in ids:
        await store.begin_answer("s1", streaming(id_, "u1"))


async def _crashed(
    tmp_path: Path, *ids: str, texts: tuple[tuple[str, str, str], ...]
) -> LoadedSession:
    path = tmp_path / "live" / "s.db"
    async with opened(path) as store:
        await _stream(store, *ids)
        for id_, text, reasoning in texts:
            await store.append(id_, text, reasoning)
        image = crash_image(path, tmp_path / "crashed")
    async with opened(image) as store:
        return await store.load("s1")


async def test_text_received_before_a_crash_becomes_a_cut_answer_on_the_path(
    tmp_path: Path,
) -> None:
    pieces = tuple(("a1", f"word{n} ", f"thought{n} ") for n in range(50))
    loaded = await _crashed(tmp_path, "a1", texts=pieces)
    answer = loaded.messages[1]
    assert answer.content == "".join(text for _, text, _ in pieces)
    assert answer.reasoning == "".join(reasoning for _, _, reasoning in pieces)
    assert answer.state is State.CUT
    assert (loaded.record.head, loaded.recovered) == ("a1", ("a1",))


async def test_text_that_came_with_the_beginning_is_recovered_and_counted_once(
    tmp_path: Path,
) -> None:
    path = tmp_path / "live" / "s.db"
    async with opened(path) as store:
        await _stream(store)
        await store.begin_answer("s1", streaming("a1", "u1", content="first ", reasoning="hm"))
        await store.append("a1", "then", "")
        image = crash_image(path, tmp_path / "crashed")
    async with opened(image) as store:
        loaded = await store.load("s1")
        assert (loaded.messages[1].content, loaded.messages[1].reasoning) == ("first then", "hm")
        (listed,) = await store.sessions()
    assert listed.size_bytes == len("text of u1first thenhm")


async def test_reasoning_alone_is_kept_too(tmp_path: Path) -> None:
    loaded = await _crashed(tmp_path, "a1", texts=(("a1", "", "hm"),))
    assert (loaded.messages[1].reasoning, loaded.recovered) == ("hm", ("a1",))


async def test_an_answer_without_a_word_has_failed_and_the_sent_message_stays_on_the_path(
    tmp_path: Path,
) -> None:
    loaded = await _crashed(tmp_path, "a1", texts=())
    assert loaded.messages[1].state is State.FAILED
    assert (loaded.record.head, loaded.recovered) == ("u1", ())


async def test_of_several_answers_the_first_with_text_is_on_the_path(tmp_path: Path) -> None:
    loaded = await _crashed(
        tmp_path, "a1", "a2", "a3", texts=(("a3", "third", ""), ("a2", "second", ""))
    )
    states = [m.state for m in loaded.messages]
    assert states == [State.COMPLETE, State.FAILED, State.CUT, State.CUT]
    assert loaded.record.head == "a2"
    assert loaded.recovered == ("a2", "a3")


async def test_what_was_recovered_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "live" / "s.db"
    async with opened(path) as store:
        await _stream(store, "a1")
        await store.append("a1", "text", "")
        image = crash_image(path, tmp_path / "crashed")
    async with opened(image) as store:
        assert (await store.load("s1")).recovered == ("a1",)
        again = await store.load("s1")
        assert (again.recovered, again.messages[1].content) == ((), "text")
        (summary,) = await store.sessions()
        assert summary.size_bytes == len("text of u1" + "text")


async def test_an_answer_that_another_store_is_writing_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with opened(path) as store:
        await _stream(store, "a1")
        await store.append("a1", "so far", "")
        async with opened(path) as other:
            seen = await other.load("s1")
        assert (seen.messages[1].state, seen.messages[1].content) == (State.STREAMING, "so far")
        await store.finish_answer("s1", message("a1", "u1", content="so far, so good"), "a1")
    async with opened(path) as store:
        assert (await store.load("s1")).messages[1].content == "so far, so good"


async def test_an_answer_left_streaming_at_a_clean_end_is_recovered_by_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    async with opened(path) as store:
        await _stream(store, "a1")
    async with opened(path) as store:
        assert (await store.load("s1")).messages[1].state is State.FAILED
    assert [entry.name for entry in (tmp_path / "locks").iterdir()] == ["database"]


async def test_one_session_is_open_in_one_store_at_a_time(tmp_path: Path) -> None:
    async with opened(tmp_path / "s.db") as store:
        other = SqliteStore(tmp_path / "s.db")
        await store.create(session("s1"))
        await store.create(session("s2"))
        assert await store.lock("s1")
        assert await store.lock("s1")
        assert not await other.lock("s1")
        assert await other.lock("s2")
        assert not await store.lock("s2")
        with pytest.raises(UsageError, match="open in another terminal"):
            await store.delete("s2")
        assert not await other.lock("s1"), "a lock that was refused must not free the one held"
        await other.close()
        assert await store.lock("s2")
        third = SqliteStore(tmp_path / "s.db")
        assert await third.lock("s1")
        await third.close()


HOLDER = """
import asyncio, sys, time
from pathlib import Path
from chatrepl.services.store import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
print(asyncio.run(store.lock("s1")), flush=True)
time.sleep(60)
"""


@pytest.mark.process
async def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"True\n"
        async with opened(path) as store:
            assert not await store.lock("s1")
        child.kill()
    async with opened(path) as store:
        assert await store.lock("s1")


@contextmanager
def umask(value: int) -> Iterator[None]:
    old = os.umask(value)
    try:
        yield
    finally:
        os.umask(old)


@pytest.mark.parametrize("mask", [0o000, 0o022])
async def test_every_file_is_private_while_and_after_it_is_used(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "home" / "data" / "s.db"

    def modes() -> dict[str, int]:
        return {
            str(entry.relative_to(tmp_path)): stat.S_IMODE(entry.stat().st_mode)
            for entry in tmp_path.rglob("*")
        }

    with umask(mask):
        async with opened(path) as store:
            await store.lock("s1")
            await _stream(store, "a1")
            during = modes()
    assert {"home/data/s.db", "home/data/s.db-wal", "home/data/s.db-shm"} <= during.keys()
    assert len([name for name in during if "/locks/" in name]) == 3
    for name, mode in (during | modes()).items():
        assert mode == (0o700 if name in ("home", "home/data", "home/data/locks") else 0o600), name


async def test_a_database_that_others_could_read_is_narrowed(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with opened(path) as store:
        await store.create(session())
    path.chmod(0o644)
    async with opened(path) as store:
        await store.newest()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_fork_has_the_path_of_its_head_and_grows_apart(tmp_path: Path) -> None:
    async with opened(tmp_path / "s.db") as store:
        await store.create(session())
        path = [message("u1"), message("a1", "u1"), message("u2", "a1"), message("a2", "u2")]
        await store.add("s1", [*path, message("a3", "u2")], "a2")
        await store.set_counts({("u1", "o200k"): 5})
        await store.create(session("s2", head="a2", created=at(1), updated=at(1)))
        await store.add("s2", [message("u9", "a1")], "u9")
        await store.add("s1", [message("u8", "a2")], "u8")
        fork = await store.load("s2")
        assert [m.id for m in fork.messages] == ["u1", "a1", "u2", "a2", "u9"]
        assert [m.parent for m in fork.messages] == [None, "u1", "a1", "u2", "a1"]
        assert fork.counts == {("u1", "o200k"): 5}
        origin = await store.load("s1")
        assert [m.id for m in origin.messages] == ["u1", "a1", "u2", "a2", "a3", "u8"]
        counts = {s.id: (s.message_count, s.first_words) for s in await store.sessions()}
        assert counts == {"s1": (6, "text of u1"), "s2": (5, "text of u1")}
        with pytest.raises(StoreError, match="another session"):
            await store.add("s2", [message("u1", content="other")], "u1")


async def test_a_fork_of_a_fork_keeps_the_whole_path(tmp_path: Path) -> None:
    async with opened(tmp_path / "s.db") as store:
        await store.create(session())
        await store.add("s1", [message("u1"), message("a1", "u1")], "a1")
        await store.create(session("s2"))
        await store.add("s2", [message("u2", "a1")], "u2")
        await store.create(session("s3"))
        await store.update(session("s3", head="u2"))
        assert [m.id for m in (await store.load("s3")).messages] == ["u1", "a1", "u2"]


async def test_the_bin_is_emptied_after_thirty_days_and_forks_keep_their_messages(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    day = 24 * 60

    async def in_bin(minutes: float) -> list[str]:
        async with opened(path, clock=lambda: at(minutes)) as store:
            return [s.id for s in await store.sessions(deleted=True)]

    async with opened(path, clock=lambda: at(0)) as store:
        await store.create(session())
        await store.add("s1", [message("u1"), message("a1", "u1"), message("a2", "u1")], "a2")
        await store.set_counts({("a2", "o200k"): 5})
        await store.create(session("s2", head="a1"))
        await store.delete("s1")
    assert await in_bin(30 * day) == ["s1"]
    async with opened(path, clock=lambda: at(30 * day)) as store:
        await store.restore("s1")
        await store.delete("s1")
    assert await in_bin(60 * day) == ["s1"]
    assert rows_in(path, "counts") == 1
    assert await in_bin(60 * day + 1) == []
    assert rows_in(path, "counts") == 0
    assert rows_in(path, "messages") == 2
    async with opened(path) as store:
        await store.create(session("s3"))
        assert (await store.load("s3")).messages == []
        with pytest.raises(StoreError):
            await store.load("s1")
        fork = await store.load("s2")
        assert [m.id for m in fork.messages] == ["u1", "a1"]
        await store.create(session("s4", head="a1"))
        await store.add("s2", [message("a2", "u1")], "a2")
