"""The real program in a terminal, or behind pipes, with a home of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import ROOT
from tests.support.terminal.terminal import Terminal

__all__ = ["MARK", "PROGRAM", "ROOT", "Chat", "Run", "Start", "environment_of", "run_piped"]

PROGRAM = (sys.executable, "-m", "chatrepl")
Start = Callable[..., "Chat"]
Run = Callable[..., "subprocess.CompletedProcess[str]"]
MARK = "\u276f"
"""Stands before the prompt and before each message."""


def environment_of(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the program's environment: a home of its own, and no key."""
    return {
        "HOME": str(home),
        "CHATREPL_HOME": str(home / "chatrepl"),
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
        **(more or {}),
    }


class Chat(Terminal):
    """A terminal in which the program runs."""

    def say(self, line: str) -> "Chat":
        """Type a line, and Enter."""
        self.send(line + "\r")
        return self

    def expect(self, *texts: str, timeout_s: float = 15.0) -> "Chat":
        """Wait until each of the texts was shown."""
        for text in texts:
            self.wait_for(text, timeout_s)
        return self

    def expect_times(self, text: str, times: int, timeout_s: float = 15.0) -> "Chat":
        """Wait until a text was shown so many times."""
        self.wait_for(lambda _: self.everything().count(text) >= times, timeout_s)
        return self

    def wait_until(self, holds: Callable[[], object], what: str, timeout_s: float = 15.0) -> "Chat":
        """Wait until a condition holds that the screen does not show."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {timeout_s} s\n{self.text()}")
            time.sleep(0.02)
        return self

    def prompt_row(self) -> str:
        """Return the row the cursor is in."""
        row, _ = self.cursor()
        with self._changed:
            return self.screen.display[row].rstrip()

    def draft(self) -> str:
        """Return the text of an input line of one row."""
        return self.prompt_row().removeprefix(MARK).strip()

    def expect_draft(self, text: str, timeout_s: float = 15.0) -> "Chat":
        """Wait until a text stands in the input line's row of the cursor."""
        self.wait_for(lambda _: self.draft() == text, timeout_s)
        return self

    def ready(self, timeout_s: float = 20.0) -> "Chat":
        """Wait for an empty prompt."""
        self.wait_for(
            lambda _: self.prompt_row() == MARK or self.process.poll() is not None, timeout_s
        )
        assert self.process.poll() is None, self.text()
        return self

    def settle(self, timeout_s: float = 15.0) -> "Chat":
        """Wait for the answer's end, by a command that waits for it."""
        shown = self.everything().count(" seed: ")
        self.say("/seed")
        return self.expect_times(" seed: ", shown + 1, timeout_s)

    def context(self, timeout_s: float = 15.0) -> dict[str, Any]:
        """Return the JSON of ``/context``, asked for after the answer."""
        self.settle(timeout_s)
        count = self._commands("/context --json")
        self.say("/context --json")
        self.wait_for(lambda _: self._json_after("/context --json", count) is not None, timeout_s)
        found: dict[str, Any] = json.loads(self._json_after("/context --json", count) or "")
        return found

    def leave(self) -> None:
        """Leave by command, and check exit code and terminal."""
        self.say("/exit")
        assert self.wait_exit() == 0
        assert self.dirt() == []

    def _commands(self, line: str) -> int:
        return self.everything().count(f"{MARK} {line}")

    def _json_after(self, line: str, earlier: int) -> str | None:
        parts = self.everything().split(f"{MARK} {line}\n")
        if len(parts) < earlier + 2:
            return None
        text = parts[earlier + 1]
        end = text.find("\n}\n")
        start = text.find("{\n")
        return text[start : end + 2] if 0 <= start < end else None


def run_piped(
    home: Path,
    arguments: Sequence[str],
    *,
    stdin: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 60,
) -> "subprocess.CompletedProcess[str]":
    """Run the program in its home, with pipes at its ends; no stdin is an empty one."""
    given = stdin.encode() if isinstance(stdin, str) else stdin or b""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        input=given,
        capture_output=True,
        cwd=home,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONWARNINGS": "error"}
        | environment_of(home, env),
        timeout=timeout_s,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )
