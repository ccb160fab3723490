"""Ports to the machine and the person: clipboard, files, clock, questions, shell, debug log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chatrepl.core.json_value import Json


class Clipboard(Protocol):
    """The desktop's clipboard."""

    async def copy(self, text: str) -> bool:
        """Copy text to the clipboard; False: there is no clipboard program."""


class Files(Protocol):
    """Files that the user names; paths may begin with ``~``. All raise ``UsageError``."""

    async def read(self, path: str) -> str:
        """Return a text file's content; too large, binary and missing files are errors."""

    async def write(self, path: str, text: str, *, replace: bool = False) -> str:
        """Write a private file, and return its full path.

        A file that exists is an error, unless ``replace``.
        """

    def names_file(self, path: str) -> bool:
        """Return whether a path names an existing file or folder."""

    def is_file(self, path: str) -> bool:
        """Return whether a path names an existing file, and no folder."""

    def matching(self, begun: str) -> Sequence[str]:
        """Return at most 50 completions of a path, as typed; folders end in a slash."""


class Clock(Protocol):
    """The clock, passed in so that tests may set it."""

    def now(self) -> datetime:
        """Return the date and time in UTC."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""


class Person(Protocol):
    """Questions to the person at the terminal, if there is one."""

    @property
    def has_input_line(self) -> bool:
        """True if there is an input line, into which text can be put, with its keys."""

    async def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask a yes-or-no question; False where there is no person."""

    async def ask_text(self, question: str, *, secret: bool = False) -> str | None:
        """Ask for a line of text, hidden if ``secret``; None: cancelled, or there is no person."""


class DebugLog(Protocol):
    """A log file for finding faults; it contains no keys and no messages."""

    path: str
    """The path of the file, which may not exist."""

    @property
    def is_on(self) -> bool:
        """True while the log is being written."""

    def start(self) -> None:
        """Start to append to the file. Raises ``UsageError``."""

    def stop(self) -> None:
        """Stop writing; the file stays."""


class Attachments(Protocol):
    """Sources of attachments: files and web pages."""

    async def load(self, place: str) -> Mapping[str, Json]:
        """Load a file, or a page at an ``http`` address; see ``core.conversation.attachments``.

        Raises ``ChatreplError`` if it is unreadable, too large, or neither text nor image.
        """


@dataclass(frozen=True, slots=True)
class ShellResult:
    """The result of a shell command."""

    code: int
    """The exit code; if negative, the signal that ended the command."""
    output: str = ""
    """The output, if captured."""


class Shell(Protocol):
    """The user's shell."""

    async def run(self, command: str, *, capture: bool) -> ShellResult:
        """Run a command to its end, showing its output. Raises ``UsageError``."""
