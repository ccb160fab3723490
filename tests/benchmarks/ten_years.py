"""Costs of 5,000 sessions and 200,000 messages beside one session alone.

``python -m tests.benchmarks.ten_years [RUNS]`` prints medians and their ratios; runs alternate. The
databases are made once, through the store, and kept in the machine's folder for temporary files.
Searches are measured in the program as it is used, from Enter until the result is on the screen,
and in the store by itself; the first search of each process and the later ones apart.
"""

import asyncio
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pydoc_data.topics import topics

from chatrepl.core.messages import Message, SessionRecord
from chatrepl.services.store import SqliteStore
from tests.benchmarks.start_up import MARK
from tests.support import ROOT
from tests.support.servers.sse_server import SseServer
from tests.support.terminal.terminal import Terminal

__all__ = ["build", "homes"]

SESSIONS = 5000
MESSAGES_EACH = 40
NAME = "the-one"
_BEGUN = datetime(2016, 1, 1, tzinfo=UTC)
_TEN_YEARS = timedelta(days=3650)
_ENGLISH = "\n\n".join(topics.values())
_CHINESE = "".join(chr(0x4E00 + number * 7) for number in range(1500))
_COMMON, _RARE, _ABSENT = _CHINESE[3], _CHINESE[1450], "\u3041"
_SOUGHT = {
    "frequent": "generator",
    "frequent words": "class instance attribute",
    "absent": "zzzqqq",
    "frequent Chinese": _COMMON + _CHINESE[9] + _CHINESE[1],
    "frequent of two": "ex",
    "absent of two": "qz",
    "frequent of one": "q",
    "absent of one": "\u0394",
    "frequent Chinese of two": _COMMON + _CHINESE[9],
    "rare Chinese of two": _RARE + _CHINESE[400],
    "frequent Chinese of one": _COMMON,
    "middling Chinese of one": _CHINESE[400],
    "rare Chinese of one": _RARE,
    "absent Chinese of one": _ABSENT,
    "one long and one short": "class q",
}
_MOST_TYPED = 3
_LIMIT_S, _LIMIT_OF_SHORT_S = 0.3, 1.0


def _english(chance: random.Random, chars: int) -> str:
    start = chance.randrange(len(_ENGLISH) - chars)
    return _ENGLISH[start : start + chars]


def _chinese(chance: random.Random, chars: int) -> str:
    # A few characters are in most texts, most are in few: as in any language.
    return "".join(
        _CHINESE[int(len(_CHINESE) * chance.random() ** 3)] for _ in range(max(2, chars // 4))
    )


def _messages(chance: random.Random, session: int, begun: datetime) -> list[Message]:
    write = _chinese if session % 10 == 0 else _english
    messages: list[Message] = []
    for number in range(MESSAGES_EACH):
        is_question = number % 2 == 0
        chars = min(20_000, int(chance.lognormvariate(4.7 if is_question else 7.0, 0.9)) + 2)
        messages.append(
            Message(
                id=f"{session:04x}{number:04x}{chance.getrandbits(64):016x}",
                parent=messages[-1].id if messages else None,
                role="user" if is_question else "assistant",
                content=write(chance, chars),
                created=begun + timedelta(minutes=number),
                model=None if is_question else "test-model",
                finish_reason=None if is_question else "stop",
            )
        )
    return messages


async def build(path: Path, sessions: int, *, only: int | None = None) -> None:
    """Write a database of so many sessions, or ``only`` one of them, with its search's index."""
    store = SqliteStore(path)
    chance = random.Random(sessions)
    try:
        # What is made here can be made again: it need not be on the disk at each step.
        await store.newest()
        await store._run(lambda s: s.database.connection.execute("PRAGMA synchronous = OFF"))
        for number in range(sessions):
            begun = _BEGUN + _TEN_YEARS * number / sessions
            messages = _messages(chance, number, begun)
            if only not in (None, number):
                continue
            title = messages[0].content[:40].replace("\n", " ")
            name = NAME if number == sessions // 2 else None
            record = SessionRecord(f"{number:032x}", title, begun, messages[-1].created, name)
            await store.create(record, messages)
            await store.add(record.id, [], messages[-1].id)
        await _index_all(store)
    finally:
        await store.close()


async def _index_all(store: SqliteStore) -> None:
    while await store._run(lambda s: s.searcher.index_some()):
        pass


async def _bring_up_to_date(path: Path) -> None:
    """Index what an older program left out: the databases may be older than this one."""
    store = SqliteStore(path)
    try:
        await store.newest()
        await _index_all(store)
    finally:
        await store.close()


def homes() -> dict[str, Path]:
    """Return two data folders: with the session alone, and with all others beside it."""
    kept = Path(tempfile.gettempdir()) / f"chatrepl-ten-years-{SESSIONS}-{MESSAGES_EACH}"
    found = {"alone": kept / "alone", "beside the others": kept / "many"}
    if not kept.exists():
        making = kept.with_name(kept.name + ".making")
        shutil.rmtree(making, ignore_errors=True)
        asyncio.run(build(making / "alone" / "sessions.db", SESSIONS, only=SESSIONS // 2))
        asyncio.run(build(making / "many" / "sessions.db", SESSIONS))
        making.rename(kept)
    for home in found.values():
        asyncio.run(_bring_up_to_date(home / "sessions.db"))
    return found


def _times_s(home: Path, server: SseServer) -> dict[str, float]:
    """Start the program, load the session, and talk; return the time of each step."""
    argv = [sys.executable, "-m", "chatrepl", "--base-url", server.base_url, "-m", "test-model"]
    times: dict[str, float] = {}

    def measure(step: str, do: Callable[[], object], shown: Callable[[Terminal], bool]) -> None:
        begun_s = time.perf_counter()
        do()
        terminal.wait_for(shown, 60)
        times[step] = time.perf_counter() - begun_s

    begun_s = time.perf_counter()
    with Terminal(argv, env={"CHATREPL_HOME": str(home), "PYTHONPATH": str(ROOT)}) as terminal:
        terminal.wait_for(lambda t: "❯" in t.text())  # noqa: RUF001
        terminal.send(MARK)
        terminal.wait_for(MARK)
        times["start to a key's echo"] = time.perf_counter() - begun_s
        # What is loaded behind the prompt (the SDK, then the vocabulary, which counts the draft)
        # is no part of what follows, and takes as long with any database.
        terminal.wait_for(lambda t: "new session" in t.text() and " of ≈" in t.text(), 60)
        terminal.send("\x7f")
        terminal.wait_until_quiet(0.5)
        measure(
            "/load of a session",
            lambda: terminal.send(f"/load {NAME}\r"),
            lambda t: f"going on with “{NAME}”" in t.everything(),
        )
        word = f"word{time.perf_counter_ns()}"
        measure(
            "a new turn",
            lambda: terminal.send(f"{word}\r"),
            lambda t: f"You said: {word}" in t.everything(),
        )
        terminal.wait_until_quiet(0.3)
        measure(
            "/sessions",
            lambda: terminal.send("/sessions\r"),
            lambda t: "/load NUMBER" in t.everything(),
        )
        terminal.send("/exit\r")
        terminal.wait_exit()
    return times


@dataclass(frozen=True, slots=True)
class _Search:
    """Time of one search, and its share of computing."""

    seconds: float
    computing_s: float
    hits: int


def _forget_pages(path: Path) -> None:
    """Let the system drop what it holds of a file in memory, as after a day without use."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


async def _search_in_store(path: Path, words: str) -> list[_Search]:
    """Search twice in a store that was just opened."""
    store = SqliteStore(path)
    found = []
    try:
        await store.newest()
        for _ in range(2):
            begun_s, used_s = time.perf_counter(), time.process_time()
            hits = await store.search(words)
            used_s = time.process_time() - used_s
            found.append(_Search(time.perf_counter() - begun_s, used_s, len(hits)))
    finally:
        await store.close()
    return found


def _search_in_program(home: Path, server: SseServer, words: str) -> list[_Search]:
    """Start the program, and type a search several times over."""
    argv = [sys.executable, "-m", "chatrepl", "--base-url", server.base_url, "-m", "test-model"]
    found: list[_Search] = []

    def ends(terminal: Terminal) -> int:
        text = terminal.everything()
        return text.count("Enter opens the first") + text.count("nothing holds")

    with Terminal(argv, env={"CHATREPL_HOME": str(home), "PYTHONPATH": str(ROOT)}) as terminal:
        terminal.wait_for("new session", 60)
        terminal.wait_until_quiet(1)
        for number in range(_MOST_TYPED):
            terminal.send(f"/search {words}")
            terminal.wait_until_quiet(0.3)
            used_s, begun_s = _computing_s(terminal.process.pid), time.perf_counter()
            terminal.send("\r")
            terminal.wait_for(lambda t, number=number: ends(t) > number, 60)  # type: ignore[misc]
            seconds = time.perf_counter() - begun_s
            terminal.wait_until_quiet(0.2)
            used_s = _computing_s(terminal.process.pid) - used_s
            found.append(_Search(seconds, used_s, 0))
        terminal.send("/exit\r")
        terminal.wait_exit()
    return found


def _computing_s(process: int) -> float:
    """Return the processor time that a process has used so far, in hundredths of a second."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print_searches(home: Path, server: SseServer) -> None:
    path = home / "sessions.db"
    for name, words in _SOUGHT.items():
        limit_s = _LIMIT_S if all(len(word) > 2 for word in words.split()) else _LIMIT_OF_SHORT_S
        _forget_pages(path)
        typed = _search_in_program(home, server, words)
        _forget_pages(path)
        alone = asyncio.run(_search_in_store(path, words))
        rows: Mapping[str, _Search] = {
            "typed, first": typed[0],
            "typed, slowest later": max(typed[1:], key=lambda one: one.seconds),
            "store, first": alone[0],
            "store, later": alone[1],
        }
        print(f"/search {words}: {name}, {alone[0].hits} hits shown, limit {limit_s * 1000:.0f} ms")
        for step, took in rows.items():
            # On a busy machine the second figure tells what it takes on a free core.
            print(
                f"    {step:22} {took.seconds * 1000:7.1f} ms,"
                f" {took.computing_s * 1000:6.1f} of them computing:"
                f" {'inside' if took.seconds < limit_s else 'OUTSIDE'} the limit"
            )


def main(runs: int) -> None:
    """Measure and print."""
    folders = homes()
    times: dict[str, dict[str, list[float]]] = {}
    with SseServer() as server:
        for number in range(runs + 1):
            for name, home in folders.items():
                for step, seconds in _times_s(home, server).items():
                    if number:
                        times.setdefault(step, {}).setdefault(name, []).append(seconds)
    for step, by_home in times.items():
        alone_s, many_s = (statistics.median(by_home[name]) for name in folders)
        print(
            f"{step:24} alone {alone_s * 1000:7.1f} ms, beside the others {many_s * 1000:7.1f} ms,"
            f" ratio {many_s / alone_s:5.2f}"
        )
    with SseServer() as server:
        _print_searches(folders["beside the others"], server)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
