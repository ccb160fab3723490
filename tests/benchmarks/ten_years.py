"""What ten years of talking cost: 5,000 sessions and 200,000 messages beside one session alone.

``python -m tests.benchmarks.ten_years [RUNS]`` prints medians and their ratios; runs alternate. The
databases are made once, through the store, and kept in the machine's folder for temporary files.
"""

import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pydoc_data.topics import topics

from chatrepl.core.messages import Message, SessionRecord
from chatrepl.services.store import SqliteStore
from tests.benchmarks.start_up import MARK, ROOT
from tests.support.sse_server import SseServer
from tests.support.terminal import Terminal

__all__ = ["build", "homes"]

SESSIONS = 5000
MESSAGES_EACH = 40
NAME = "the-one"
_BEGUN = datetime(2016, 1, 1, tzinfo=UTC)
_TEN_YEARS = timedelta(days=3650)
_ENGLISH = "\n\n".join(topics.values())
_CHINESE = "".join(chr(0x4E00 + number * 7) for number in range(1500))
_SOUGHT = ("generator", "class instance attribute", "zzzqqq", "ex", "q", "{}", "{}{}", "{}{}{}")


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
        while await store._run(lambda s: s.searcher.index_some()):
            pass
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
    return found


def _times_s(home: Path, server: SseServer) -> dict[str, float]:
    """Start the program, load the session, and talk: what each step took."""
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
        terminal.wait_for("new session", 60)
        terminal.send("\x7f")
        # What is done behind the prompt at the start is measured by the start alone.
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


async def _search_times_s(path: Path) -> dict[str, tuple[int, float, float]]:
    store = SqliteStore(path)
    times: dict[str, tuple[int, float, float]] = {}
    try:
        for words in _SOUGHT:
            sought = words.format(*_CHINESE[400:])
            begun_s, used_s = time.perf_counter(), time.process_time()
            hits = await store.search(sought)
            used_s = time.process_time() - used_s
            times[sought] = len(hits), time.perf_counter() - begun_s, used_s
    finally:
        await store.close()
    return times


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
    found = asyncio.run(_search_times_s(folders["beside the others"] / "sessions.db"))
    for words, (hits, seconds, used_s) in found.items():
        # On a busy machine the second figure tells what it takes on a free core.
        print(
            f"/search {words:26} {seconds * 1000:7.1f} ms, {used_s * 1000:6.1f} of them computing,"
            f" {hits} hits shown"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
