"""Starts the driver program in a terminal."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.terminal.driven_prompt import DRIVER, ROOT, Driven, Start


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
