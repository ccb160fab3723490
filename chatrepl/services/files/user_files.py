"""Text files that the user names: read as UTF-8, written privately and atomically."""

import asyncio
import os
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from chatrepl.core.errors import UsageError
from chatrepl.services.files.private_files import (
    decode_utf8,
    error_text,
    read_regular,
    replace_private,
)

_MOST_BYTES = 512 * 1024 * 1024
_MOST_ENTRIES = 2000
_MOST_COMPLETIONS = 50


class UserFiles:
    """Implements the core's ``Files`` port."""

    async def read(self, path: str) -> str:
        """Read a text file in a thread. Raises ``UsageError``."""
        return await asyncio.to_thread(self.read_now, path)

    @staticmethod
    def read_now(path: str) -> str:
        """Read a text file. Raises ``UsageError`` for anything but a readable UTF-8 file."""
        return decode_utf8(read_regular(path, _MOST_BYTES), path).removeprefix("\ufeff")

    async def write(self, path: str, text: str, *, replace: bool = False) -> str:
        """Write a file in a thread, with mode 0600, and return its full path."""
        return await asyncio.to_thread(self._write_now, path, text, replace)

    def _write_now(self, path: str, text: str, replace: bool) -> str:
        try:
            target = Path(path).expanduser().absolute()
            if target.exists() and not replace:
                raise UsageError(f"{target} is there already", "choose another name")
            replace_private(target, text)
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot write {path}: {error_text(error)}") from None
        return str(target)

    def names_file(self, path: str) -> bool:
        """Return whether a path is that of an existing file or folder."""
        return _is(path, Path.exists)

    def is_file(self, path: str) -> bool:
        """Return whether a path is that of an existing file, not a folder."""
        return _is(path, Path.is_file)

    def matching(self, begun: str) -> Sequence[str]:
        """Return up to 50 completions of a path; hidden files only after a typed dot.

        Of a large folder, only 2,000 names are read.
        """
        folder, slash, start = begun.rpartition("/")
        if begun == "~":
            return ["~/"]
        try:
            with os.scandir(Path(folder + slash or ".").expanduser()) as entries:
                found = [
                    folder + slash + entry.name + ("/" if entry.is_dir() else "")
                    for entry in islice(entries, _MOST_ENTRIES)
                    if entry.name.startswith(start) and (start or not entry.name.startswith("."))
                ]
        except (OSError, ValueError, RuntimeError):
            return []
        return sorted(found)[:_MOST_COMPLETIONS]


def _is(path: str, test: Callable[[Path], bool]) -> bool:
    try:
        return test(Path(path).expanduser())
    except (OSError, ValueError, RuntimeError):
        return False
