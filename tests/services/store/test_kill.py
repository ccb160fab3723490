"""Repeated kills of a writing process: CHATREPL_KILLS times (default 25)."""

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chatrepl.core.messages import Message, State
from chatrepl.services.store import SqliteStore
from tests.support.store.killed_writer import piece, whole
from tests.support.store.store_values import opened

pytestmark = pytest.mark.process

KILLS = int(os.environ.get("CHATREPL_KILLS", "25"))


@dataclass
class Told:
    """Facts that one process reported as saved before it was killed."""

    is_created: bool = False
    added: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    appended: dict[str, int] = field(default_factory=dict)


def killed(path: Path, name: str, after_s: float) -> Told:
    command = [sys.executable, "-m", "tests.support.store.killed_writer", str(path), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        # Timed from here, a slow start does not leave every process without time to write.
        assert child.stdout.readline() == "started\n"
        time.sleep(after_s)
        child.kill()
        output = child.stdout.read()
    told = Told()
    # A line that the kill cut short was not told.
    for line in output[: output.rfind("\n") + 1].splitlines():
        match line.split():
            case ["created"]:
                told.is_created = True
            case ["added", id_]:
                told.added.append(id_)
            case ["appended", id_, count]:
                told.appended[id_] = int(count)
            case ["finished", id_]:
                told.finished.append(id_)
            case other:
                assert other == ["closed"]
    return told


async def check(store: SqliteStore, name: str, told: Told) -> bool:
    """Compare a session with the reports; return whether an answer had to be recovered."""
    if not told.is_created and await store.find(name) is None:
        return False
    assert await store.lock(name)
    loaded = await store.load(name)
    assert store.warnings == []
    messages = {m.id: m for m in loaded.messages}
    for id_ in (*told.added, *told.finished):
        assert messages[id_].content == whole(id_)
        assert messages[id_].state is State.COMPLETE
    for id_, count in told.appended.items():
        received = "".join(piece(id_, n) for n in range(count))
        assert messages[id_].content.startswith(received)
        assert whole(id_).startswith(messages[id_].content)
    check_path(messages, loaded.record.head, told)
    return bool(loaded.recovered)


def check_path(messages: dict[str, Message], head: str | None, told: Told) -> None:
    on_path = set()
    while head is not None:
        on_path.add(head)
        head = messages[head].parent
    assert on_path >= {*told.added, *told.finished, *told.appended}


@pytest.mark.timeout(120 + 2 * KILLS)
async def test_nothing_that_was_reported_saved_is_lost_however_often_the_program_is_killed(
    tmp_path: Path,
) -> None:
    chance = random.Random(KILLS)
    history: dict[tuple[Path, str], Told] = {}
    recovered = 0
    for number in range(KILLS):
        # A new file now and then: its making is interrupted too.
        path = tmp_path / str(number // 5) / "s.db"
        name = f"s{number}"
        told = history[path, name] = killed(path, name, chance.uniform(0, 0.4))
        async with opened(path) as store:
            recovered += await check(store, name, told)
    for (path, name), told in history.items():
        async with opened(path) as store:
            assert not await check(store, name, told)
    saved = sum(len(t.added) + len(t.finished) for t in history.values())
    print(f"{KILLS} kills, {saved} messages reported saved, {recovered} answers recovered")
    assert saved > 0
    assert recovered > 0
