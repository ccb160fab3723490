"""Fixtures that start the real program: in a terminal, or behind pipes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.support.local_model.built_in_model import need_model, registry_variables
from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import PROGRAM, Chat, Run, Start, environment_of, run_piped


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def server() -> Iterator[SseServer]:
    with SseServer() as serving:
        yield serving


@pytest.fixture
def start_alone(home: Path) -> Iterator[Start]:
    """Start the program in a terminal, with no server named; it is killed at the test's end."""
    running: list[Chat] = []

    def begin(
        *arguments: str,
        env: dict[str, str] | None = None,
        argv: Sequence[str] = (),
        **options: Any,
    ) -> Chat:
        started = [*(argv or PROGRAM), *arguments]
        options.setdefault("cwd", home)
        chat = Chat(started, env=environment_of(home, env), **options)
        running.append(chat)
        return chat

    yield begin
    for chat in running:
        chat.close()


@pytest.fixture
def start(start_alone: Start, server: SseServer) -> Start:
    """Start the program in a terminal, with the loopback server."""

    def begin(*arguments: str, **options: Any) -> Chat:
        return start_alone("--base-url", server.base_url, *arguments, **options)

    return begin


@pytest.fixture
def run(home: Path) -> Run:
    """Run the program behind pipes, to its end."""

    def run_it(*arguments: str, **options: Any) -> CompletedProcess[str]:
        return run_piped(home, arguments, **options)

    return run_it


@pytest.fixture
def registry(home: Path) -> dict[str, str]:
    """Let all runs share one download of the built-in model; return the way to the registry."""
    variables = registry_variables()
    shared = Path(os.environ.get("CHATREPL_TEST_CACHE") or Path.home() / ".cache" / "chatrepl-test")
    need_model(shared, environment_of(home, variables))
    models = shared / "models"
    models.mkdir(parents=True, exist_ok=True)
    cache = home / "chatrepl" / "cache"
    cache.mkdir(parents=True, mode=0o700)
    (cache / "models").symlink_to(models)
    return variables
