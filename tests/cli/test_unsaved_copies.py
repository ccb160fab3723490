"""Copies, at the end of a run, of sessions that no disk took."""

import json
import tempfile
from pathlib import Path

import pytest

from tests.support.events import notices
from tests.support.servers.sse_server import SseServer
from tests.support.session_talk import say
from tests.support.wired_session import Home

NOWHERE = Home(Path("/dev/null/nowhere"), has_person=False)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that copies go to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def talk(*lines: str) -> list[str]:
    """Say lines where no disk takes them, and leave; return the notices of each line."""
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "x"]
        async with NOWHERE.opened(options) as program:
            return ["\n".join(notices(await say(program.session, line))) for line in lines]


def copied(folder: Path) -> dict[str, list[str]]:
    """Return the user's messages of each copy, by its file's name."""
    copies = {}
    for path in folder.glob("chatrepl-*.json"):
        assert path.stat().st_mode & 0o777 == 0o600
        messages = json.loads(path.read_text())["tree"]
        copies[path.name] = [one["content"] for one in messages if one["role"] == "user"]
    return copies


async def test_every_session_that_the_disk_did_not_take_is_copied_and_named(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await talk("my precious words", "/new", "second", "again", "/fork", "third")
    copies = copied(room)
    assert sorted(copies.values()) == [
        ["my precious words"],
        ["second", "again"],
        ["second", "again", "third"],
    ]
    said = capsys.readouterr().err
    assert said.count("NOT SAVED; a copy is") == 3
    assert all(f"{room}/{name} " in said for name in copies)


async def test_a_session_left_by_new_is_copied_too(
    room: Path,
) -> None:
    assert "kept" not in (await talk("my precious words", "/new"))[-1]
    assert list(copied(room).values()) == [["my precious words"]]


async def test_a_copy_that_cannot_be_written_is_told(
    room: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(room / "missing"))
    await talk("one", "/new", "two")
    assert capsys.readouterr().err.count("NOT SAVED, nor copied: ") == 2
