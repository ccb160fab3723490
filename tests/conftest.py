"""Settings of every test, and a guard against files left at the project's top."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from chatrepl.services.store import SqliteStore

ROOT = Path(__file__).parents[1]
END_TO_END = ROOT / "tests" / "e2e"
PROCESS_FIXTURES = {"start", "tmux"}
"""Fixtures that start a program in a pseudo-terminal."""
ENTRIES_BEFORE = pytest.StashKey[set[str]]()

# Programs that the tests start must hear of a closed window and of Ctrl+C, also where this run was
# started by ``nohup`` or in the background: an ignored signal is ignored by all children too.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says what else the machine does, not what is tested.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def closed_stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the stores that a test leaves open: since Python 3.13 unclosed connections warn."""
    stores: list[SqliteStore] = []
    initialize = SqliteStore.__init__

    def register(store: SqliteStore, *values: Any, **options: Any) -> None:
        stores.append(store)
        initialize(store, *values, **options)

    async def close() -> None:
        for store in stores:
            await store.close()

    monkeypatch.setattr(SqliteStore, "__init__", register)
    yield
    if stores:
        asyncio.run(close())


@pytest.fixture
def anyio_backend() -> str:
    """Run every asynchronous test in an asyncio loop of its own."""
    return "asyncio"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start processes by their folder or their fixtures."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if item.path.is_relative_to(END_TO_END) or PROCESS_FIXTURES.intersection(fixtures):
            item.add_marker(pytest.mark.process)


def top_level_entries() -> set[str]:
    return {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[ENTRIES_BEFORE] = top_level_entries()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    before = session.config.stash[ENTRIES_BEFORE]
    stray = top_level_entries() - before
    if stray:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nFAILED: tests left {sorted(stray)} at the top of the project")
