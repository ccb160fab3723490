import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from chatrepl.core.errors import StoreError
from chatrepl.core.messages import Marks, Message, State
from chatrepl.core.ports.storage import LoadedSession
from chatrepl.services.store.opening import Engine
from tests.support.store.store_values import at, message, opened, session, streaming

PAGE = 4096


async def filled(path: Path, sessions: int = 5, turns: int = 40) -> dict[str, LoadedSession]:
    """Write some long sessions, close the file cleanly, and return their messages."""
    async with opened(path) as store:
        for s in range(sessions):
            await store.create(session(f"s{s}", name=f"name {s}", updated=at(s)))
            path_: list[Message] = []
            for turn in range(turns):
                parent = path_[-1].id if path_ else None
                path_.append(message(f"u{s}.{turn}", parent, content=f"question {turn} " * 20))
                long = "long " * 3000 if turn == 7 else "short " * 50
                path_.append(message(f"a{s}.{turn}", path_[-1].id, content=long, extra={"n": turn}))
            await store.add(f"s{s}", path_, path_[-1].id)
            await store.set_marks(f"s{s}", Marks(frozenset({f"u{s}.1"}), frozenset({f"u{s}.2"})))
        return {f"s{s}": await store.load(f"s{s}") for s in range(sessions)}


async def reopened(path: Path) -> tuple[dict[str, LoadedSession], Sequence[str]]:
    async with opened(path) as store:
        loaded = {}
        for _ in range(2):
            # Twice: a page that only the first load touches may be the damaged one.
            loaded = {s.id: await store.load(s.id) for s in await store.sessions()}
        await store.create(session("new"))
        await store.add("new", [message("u-new")], "u-new")
        return loaded, store.warnings


def set_aside_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("s.damaged-*.db"))


def table_pages(path: Path, table: str) -> set[int]:
    """Return the leaf pages of a table, without root and inner pages."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype != 'internal'", (table,)
        ).fetchall()
    except sqlite3.OperationalError:
        pytest.skip("this SQLite cannot name a table's pages")
    finally:
        connection.close()
    return {row[0] for row in rows}


def overwrite(path: Path, page: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(content)


@pytest.mark.parametrize("seed", range(12))
async def test_a_garbage_page_costs_no_more_than_the_rows_on_it(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "s.db"
    written = await filled(path)
    chance = random.Random(seed)
    pages = path.stat().st_size // PAGE
    page = chance.randrange(2, pages + 1)
    overwrite(path, page, chance.randbytes(PAGE))
    found, warnings = await reopened(path)
    all_written = {m.id: m for s in written.values() for m in s.messages}
    all_found = {m.id: m for s in found.values() for m in s.messages}
    assert len(all_written) - len(all_found) <= 20
    wrong = [i for i, m in all_found.items() if m.content != all_written[i].content]
    # The text of one long message may lie on the page.
    assert len(wrong) <= 1
    for record in (s.record for s in found.values()):
        assert record.head is None or record.head in all_found
    if set_aside_in(tmp_path):
        assert "damaged" in warnings[0]
        assert str(set_aside_in(tmp_path)[0]) in warnings[0]
    else:
        assert not warnings


async def test_a_damaged_page_of_messages_is_noticed_and_the_rest_recovered(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    written = await filled(path)
    for page in sorted(table_pages(path, "messages"))[3:5]:
        overwrite(path, page, b"\xff" * PAGE)
    damaged = path.read_bytes()
    found, warnings = await reopened(path)
    assert len(warnings) == 1
    assert found.keys() == written.keys()
    assert set_aside_in(tmp_path)[0].read_bytes() == damaged
    count = sum(len(s.messages) for s in found.values())
    assert 400 - 30 <= count < 400
    for id_, loaded in found.items():
        assert loaded.record.name == written[id_].record.name
        # No path is broken: a lost message's children follow what came before it.
        ids = {m.id: m for m in loaded.messages}
        length, head = 0, loaded.record.head
        while head is not None:
            length, head = length + 1, ids[head].parent
        assert length == len(loaded.messages)
    assert found["s4"].marks == written["s4"].marks


async def test_a_lost_first_page_costs_nothing_that_the_others_hold(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    written = await filled(path)
    overwrite(path, 1, b"\0" * PAGE)
    found, warnings = await reopened(path)
    assert "400 messages of 5 sessions" in warnings[0]
    assert found == written


async def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"not a database, " * 1000)
    found, warnings = await reopened(path)
    assert (found, len(warnings)) == ({}, 1)
    assert set_aside_in(tmp_path)[0].read_bytes() == b"not a database, " * 1000


async def test_text_that_is_not_utf8_any_more_is_read_with_marks_for_what_is_lost(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    async with opened(path) as store:
        await store.create(session(title="Zeitgeist"))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE sessions SET title = CAST(x'5aff' AS TEXT), settings = '{broken'")
    connection.commit()
    connection.close()
    found, warnings = await reopened(path)
    assert found["s1"].record.title == "Z\ufffd"
    assert found["s1"].record.settings == {}
    assert len(warnings) == 1


async def test_an_answer_that_was_arriving_survives_damage_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await filled(path)
    async with opened(path) as store:
        await store.create(session("live"))
        await store.add("live", [message("u9")], "u9")
        await store.begin_answer("live", streaming("a9", "u9"))
        await store.append("a9", "half an ", "")
        await store.append("a9", "answer", "")
    overwrite(path, sorted(table_pages(path, "messages"))[2], b"\xff" * PAGE)
    found, _ = await reopened(path)
    assert (found["live"].messages[1].content, found["live"].messages[1].state) == (
        "half an answer",
        State.CUT,
    )


async def test_damage_is_not_repaired_under_another_user_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await filled(path)
    async with opened(path) as store:
        await store.newest()
        for page in table_pages(path, "messages"):
            overwrite(path, page, b"\xff" * PAGE)
        async with opened(path) as other:
            with pytest.raises(StoreError, match="close every other chatrepl"):
                await other.load("s1")
    assert set_aside_in(tmp_path) == []


async def test_a_newer_programs_database_is_left_exactly_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE future(x); PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    async with opened(path) as store:
        for attempt in (store.create(session()), store.newest()):
            with pytest.raises(StoreError, match=r"newer chatrepl \(format 99"):
                await attempt
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["locks", "s.db"]


async def test_a_repair_that_is_stopped_leaves_the_damaged_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await filled(path)
    for page in table_pages(path, "messages"):
        overwrite(path, page, b"\xff" * PAGE)
    damaged = path.read_bytes()
    engine = Engine(path, lambda: at(0), 1.0, lambda _: None)
    engine.stop_repairing()
    with pytest.raises(StoreError):
        engine.run(lambda store: store.reader.load("s1"))
    engine.close()
    assert path.read_bytes() == damaged
    assert set_aside_in(tmp_path) == []


async def test_a_table_whose_tree_is_lost_is_read_from_its_pages(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    written = await filled(path)
    connection = sqlite3.connect(path)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'")
    connection.close()
    overwrite(path, root[0], b"\xff" * PAGE)
    found, _ = await reopened(path)
    assert found == written


async def test_a_row_that_claims_the_whole_file_many_times_costs_no_more_than_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    await filled(path)
    length = (2**21 - 1 << 7 | 127).to_bytes(4, "big")
    cell = bytes([0x80 | length[0] & 0x7F, 0xFF, 0xFF, 0x7F, 0x01, 0x02, 0x00, 0x01])
    places = (PAGE - 2000).to_bytes(2, "big") * 900
    for page in range(2, path.stat().st_size // PAGE + 1, 2):
        content = b"\x0d\0\0" + (900).to_bytes(2, "big") + b"\0\0\0" + places
        overwrite(path, page, content.ljust(PAGE - 2000, b"\0") + cell + b"\0\0\0\3" * 498)
    overwrite(path, 1, b"\0" * PAGE)
    found, warnings = await reopened(path)
    assert len(warnings) == 1
    assert "new" not in found
