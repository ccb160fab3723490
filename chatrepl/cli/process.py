"""The process: its clock, ids and standard streams."""

import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from chatrepl.core.errors import ChatreplError
from chatrepl.core.json_value import Json
from chatrepl.core.text.terminal_safe import escape_json, safe_json
from chatrepl.terminal.capabilities import write_text


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The ``Clock`` port over the machine's clocks."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""
        return time.monotonic()


def new_id() -> str:
    """Return a random id, globally unique: 20 hexadecimal digits."""
    return os.urandom(10).hex()


def open_missing_streams() -> None:
    """Open the null device for each closed standard stream.

    Else the next file that is opened, perhaps the database, takes its descriptor, and its output.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free descriptor is the missing one.
            os.open(os.devnull, os.O_RDWR)
            mode = "r" if number == 0 else "w"
            # Stays open until the program ends.
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def is_interactive() -> bool:
    """Return whether stdin and stdout are terminals."""
    try:
        return os.isatty(0) and os.isatty(1)
    except OSError:
        return False


def print_line(text: str, *, to_stderr: bool = False) -> None:
    """Write one line; characters that the stream's encoding lacks are replaced.

    Failures on stderr are ignored; on stdout they raise ``ChatreplError``, or ``BrokenPipeError``
    where the reader left.
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
    """Serialise JSON so that stdout can take it, whatever its encoding."""
    return escape_json(safe_json(value, indent=indent), stdout_encoding())


def stdout_encoding() -> str:
    """Return the encoding of stdout; UTF-8 where it has none."""
    return sys.stdout.encoding or "utf-8"
