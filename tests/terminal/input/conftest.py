"""Starts the driver program in a terminal."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.terminal import Terminal

ROOT = Path(__file__).parents[3]
MARK = "\u276f"
DRIVER = Path(__file__).with_name("driver.py")


class Driven(Terminal):
    """A terminal in which the driver runs, with the record of what the prompt called."""

    log_file: Path

    def calls(self, kind: str | None = None) -> list[Any]:
        """Return what was called: pairs, or the texts of one kind."""
        if not self.log_file.exists():
            return []
        calls = [json.loads(line) for line in self.log_file.read_text().splitlines()]
        return calls if kind is None else [text for name, text in calls if name == kind]

    def submitted(self) -> list[str]:
        """Return the texts that were sent."""
        return self.calls("submit")

    def wait_call(self, kind: str, text: object = "") -> None:
        """Wait for one call."""
        self.wait_for(lambda _: text in self.calls(kind))

    def wait_prompt(self) -> "Driven":
        """Wait until the prompt is on the screen, and quiet."""
        self.wait_for(MARK)
        return self

    def settle(self, seconds: float = 0.15) -> None:
        """Let the program work off what it was sent."""
        time.sleep(seconds)


Start = Callable[..., Driven]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start drivers; those still running at the end are killed."""
    running: list[Driven] = []

    def begin(
        *, settings: dict[str, object] | None = None, argv: list[str] | None = None, **options: Any
    ) -> Driven:
        log_file = tmp_path / f"calls{len(running)}.jsonl"
        env = {
            "PYTHONPATH": str(ROOT),
            "DRIVER_LOG": str(log_file),
            "DRIVER": json.dumps(settings or {}),
            "HOME": str(tmp_path),
        } | options.pop("env", {})
        terminal = Driven(argv or [sys.executable, DRIVER], env=env, **options)
        terminal.log_file = log_file
        running.append(terminal)
        return terminal

    yield begin
    for terminal in running:
        terminal.close()
