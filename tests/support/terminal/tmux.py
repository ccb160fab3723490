"""A tmux server with one window: a terminal that wraps its rows again on a resize."""

import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Tmux", "is_there"]

_SETTINGS = "set -g history-limit 100000\nset -g escape-time 0\n"


def is_there() -> bool:
    """Return whether tmux is installed."""
    return shutil.which("tmux") is not None


class Tmux:
    """A program in a tmux of its own, with its socket and settings in ``folder``."""

    def __init__(
        self,
        folder: Path,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        columns: int = 80,
        rows: int = 24,
    ) -> None:
        self._socket = folder / "tmux"
        settings = folder / "tmux.conf"
        settings.write_text(_SETTINGS)
        words = [f"{name}={value}" for name, value in (env or {}).items()]
        size = ("-x", str(columns), "-y", str(rows))
        command = ["env", *words, *map(str, argv)]
        self.call("-f", str(settings), "new-session", "-d", *size, *command)
        # Before a window exists this ends the server of tmux 3.3a.
        self.call("set", "-g", "window-size", "manual")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.call("kill-server")

    def call(self, *words: str) -> str:
        """Run a tmux command and return what it prints."""
        command = ["tmux", "-u", "-S", str(self._socket), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def send(self, text: str) -> None:
        """Type a line and Enter."""
        self.type(text)
        self.call("send-keys", "Enter")

    def type(self, text: str) -> None:
        """Type text."""
        self.call("send-keys", "-l", text)

    def resize(self, rows: int, columns: int) -> None:
        """Change the window's size."""
        self.call("resize-window", "-x", str(columns), "-y", str(rows))

    def text(self) -> str:
        """Return the visible rows."""
        return self.call("capture-pane", "-p")

    def everything(self) -> str:
        """Return all rows, scrolled off or visible; wrapped ones joined."""
        return self.call("capture-pane", "-p", "-J", "-S", "-", "-E", "-")

    def wait_for(self, text: str, timeout_s: float = 20) -> None:
        """Wait until a text is visible or scrolled off."""
        deadline = time.monotonic() + timeout_s
        while text not in self.everything():
            if time.monotonic() > deadline:
                raise AssertionError(f"no {text!r} in {timeout_s} s:\n{self.text()}")
            time.sleep(0.05)
