"""Databases damaged by chance: what SQLite still gives is kept, and nothing runs without end."""

from pathlib import Path

import pytest

from chatrepl.services.store.damage.salvage import rescue
from tests.support.store.damaged_databases import damage, readable_rows, sound_database
from tests.support.store.store_values import at, message, opened, session


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sound_database(tmp_path_factory.mktemp("sound") / "sound.db")


def content_of(path: Path) -> dict[str, bytes]:
    """Return the bytes of a database and of its log, by the suffix of the name."""
    files = {suffix: Path(f"{path}{suffix}") for suffix in ("", "-wal")}
    # Who reads a database with a log creates one, which is empty.
    return {
        s: file.read_bytes() for s, file in files.items() if file.exists() and file.stat().st_size
    }


@pytest.mark.timeout(30)
@pytest.mark.parametrize("seed", [*range(48), 1104])
def test_a_rescue_keeps_all_that_sqlite_gives_and_changes_nothing(
    sound: Path, tmp_path: Path, seed: int
) -> None:
    path, target = tmp_path / "s.db", tmp_path / "rescued.db"
    what = damage(sound, path, seed)
    readable, before = readable_rows(path, tmp_path), content_of(path)
    rescue(path, target, at(0))
    assert content_of(path) == before, what
    kept = readable_rows(target, tmp_path)
    assert {key: row for key, row in readable.items() if kept.get(key) != row} == {}, what


@pytest.mark.timeout(30)
@pytest.mark.parametrize("seed", [*range(100, 132), 1104])
async def test_a_damaged_database_is_used_on_with_all_that_sqlite_gives(
    sound: Path, tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "s.db"
    what = damage(sound, path, seed)
    readable = readable_rows(path, tmp_path)

    async with opened(path) as store:
        for record in await store.sessions():
            await store.load(record.id)
        await store.create(session("new"))
        await store.add("new", [message("u-new")], "u-new")
        assert [m.id for m in (await store.load("new")).messages] == ["u-new"], what
    kept = readable_rows(path, tmp_path)
    assert {key: row for key, row in readable.items() if kept.get(key) != row} == {}, what
