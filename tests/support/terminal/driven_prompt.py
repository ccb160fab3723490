"""The prompt driver in a terminal, with a record of the prompt's calls."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import ROOT
from tests.support.terminal.terminal import Terminal

__all__ = ["DRIVER", "MARK", "ROOT", "Driven", "Start"]

MARK = "\u276f"
DRIVER = Path(__file__).with_name("prompt_driver.py")


class Driven(Terminal):
    """A terminal in which the driver runs, with the record of the prompt's calls."""

    log_file: Path

    def calls(self, kind: str | None = None) -> list[Any]:
        """Return the recorded calls as pairs of kind and text; of one kind, the texts."""
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
