"""Ports to the machine and the person: clipboard, files, clock, questions, shell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chatrepl.core.messages import (
    Json,
)

__all__ = [
    "Attachments",
    "Clipboard",
    "Clock",
    "DebugLog",
    "Files",
    "Person",
    "Shell",
    "ShellResult",
]


class Clipboard(Protocol):
    """The desktop's clipboard."""

    async def copy(self, text: str) -> bool:
        """Put text on the clipboard; False: no clipboard program is there."""
        ...


class Files(Protocol):
    """Files that the user names. Paths may begin with ``~``. All raise ``UsageError``."""

    async def read(self, path: str) -> str:
        """Return a text file's content; too large, binary or missing: an error that says so."""
        ...

    async def write(self, path: str, text: str, *, replace: bool = False) -> str:
        """Write a private file, and return its full path. There already: only if ``replace``."""
        ...

    def names_file(self, path: str) -> bool:
        """Say whether a path names an existing file or folder."""
        ...

    def is_file(self, path: str) -> bool:
        """Say whether a path names an existing file, and no folder."""
        ...

    def matching(self, begun: str) -> Sequence[str]:
        """Complete a path: at most 50, as they would be typed; folders end in a slash."""
        ...


class Clock(Protocol):
    """Time, passed in."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""
        ...


class Person(Protocol):
    """Whoever may be asked something."""

    @property
    def has_input_line(self) -> bool:
        """Whether there is a line that text can be put into, with keys that do more than type."""
        ...

    async def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask yes or no; where there is no person the answer is no."""
        ...

    async def ask_text(self, question: str, *, secret: bool = False) -> str | None:
        """Ask for a line of text, not shown if ``secret``; None: cancelled, or nobody is there."""
        ...


class DebugLog(Protocol):
    """A log file for finding faults; it holds no key, and nothing of what is said."""

    path: str
    """Where it is, or would be."""

    @property
    def is_on(self) -> bool:
        """Say whether it is being written."""
        ...

    def start(self) -> None:
        """Begin to write, behind what is there. Raises ``UsageError``."""
        ...

    def stop(self) -> None:
        """End it; what is written stays."""
        ...


class Attachments(Protocol):
    """What can go with a message: files, and pages of the web."""

    async def load(self, place: str) -> Mapping[str, Json]:
        """Load a path, or an ``http`` address, as ``core.conversation.attachments`` describes it.

        Raises ``ChatreplError``: not to be read, too large, or neither text nor image.
        """
        ...


@dataclass(frozen=True, slots=True)
class ShellResult:
    """How a command of the user's ended."""

    code: int
    """Its exit code; below zero: the signal that ended it."""
    output: str = ""
    """What it wrote, where that was captured."""


class Shell(Protocol):
    """The user's shell."""

    async def run(self, command: str, *, capture: bool) -> ShellResult:
        """Run a command to its end, shown as it goes. Raises ``UsageError``."""
        ...
