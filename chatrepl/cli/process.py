"""The world that a run of the program sees: passed in, never looked up in the middle."""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from chatrepl.core.errors import ChatreplError
from chatrepl.core.json_value import Json
from chatrepl.core.text.terminal_safe import escape_json, safe_json
from chatrepl.terminal.capabilities import write_text

__all__ = [
    "SystemClock",
    "is_interactive",
    "new_id",
    "open_missing_streams",
    "print_line",
    "printable_json",
    "stdout_encoding",
    "variables",
]


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""
        return time.monotonic()


def new_id() -> str:
    """Make a random id, unique everywhere."""
    return os.urandom(10).hex()


def open_missing_streams() -> None:
    """Put the null device where a standard stream is closed.

    Else the next file that is opened, the database perhaps, takes its place, and its output.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is the one that is missing.
            os.open(os.devnull, os.O_RDWR)
            mode = "r" if number == 0 else "w"
            # It is there as long as the program is.
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def is_interactive() -> bool:
    """Say whether a person sits at both ends."""
    try:
        return os.isatty(0) and os.isatty(1)
    except OSError:
        return False


def variables() -> Mapping[str, str]:
    """Return the environment variables."""
    return os.environ


def print_line(text: str, *, to_stderr: bool = False) -> None:
    """Write one line; text that the stream cannot encode is replaced.

    What cannot be written to stderr is no error; a result that cannot be is a ``ChatreplError``,
    and a reader that left a ``BrokenPipeError``.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    try:
        write_text(stream, text + "\n")
    except BrokenPipeError:
        if not to_stderr:
            raise
    except (OSError, ValueError) as error:
        if not to_stderr:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise ChatreplError(
                f"the result cannot be written: {(why or 'closed').lower()}"
            ) from None


def printable_json(value: Json, *, indent: int | None = None) -> str:
    """Write JSON that stdout can take, whatever its encoding."""
    return escape_json(safe_json(value, indent=indent), stdout_encoding())


def stdout_encoding() -> str:
    """Return what stdout writes text in; one that does not tell writes UTF-8."""
    return sys.stdout.encoding or "utf-8"
