"""What the disk never took is copied elsewhere at the end."""

import asyncio
import json
import tempfile
from pathlib import Path

import pytest

from chatrepl.cli.arguments import parse_options
from chatrepl.cli.program import Program
from chatrepl.cli.wiring import wire
from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.events import Notice
from tests.support.servers.sse_server import SseServer

NOWHERE = {"CHATREPL_HOME": "/dev/null/nowhere"}


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where copies go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def told(program: Program, line: str) -> str:
    events = [event async for event in handle_line(program.session, line)]
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def talk(*lines: str) -> list[str]:
    """Say lines where no disk takes them, and leave; return what was told of each."""

    async def work() -> list[str]:
        with SseServer() as server:
            program = wire(parse_options(["--base-url", server.base_url, "-m", "x"]), NOWHERE)
            try:
                return [await told(program, line) for line in lines]
            finally:
                await program.close()

    return asyncio.run(work())


def copied(folder: Path) -> dict[str, list[str]]:
    """Return of each copy what the user said, by its file's name."""
    copies = {}
    for path in folder.glob("chatrepl-*.json"):
        assert path.stat().st_mode & 0o777 == 0o600
        messages = json.loads(path.read_text())["tree"]
        copies[path.name] = [one["content"] for one in messages if one["role"] == "user"]
    return copies


def test_every_session_that_the_disk_did_not_take_is_copied_and_named(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk("my precious words", "/new", "second", "again", "/fork", "third")
    copies = copied(room)
    assert sorted(copies.values()) == [
        ["my precious words"],
        ["second", "again"],
        ["second", "again", "third"],
    ]
    said = capsys.readouterr().err
    assert said.count("NOT SAVED; a copy is") == 3
    assert all(f"{room}/{name} " in said for name in copies)


def test_a_session_left_for_a_new_one_is_copied_too_where_nothing_is_said_after(room: Path) -> None:
    assert "kept" not in talk("my precious words", "/new")[-1]
    assert list(copied(room).values()) == [["my precious words"]]


def test_where_no_copy_can_be_written_that_is_told(
    room: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(room / "missing"))
    talk("one", "/new", "two")
    assert capsys.readouterr().err.count("NOT SAVED, nor copied: ") == 2
