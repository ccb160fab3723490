"""Files that the user names: read as text with care, written privately and whole."""

import asyncio
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from chatrepl.core.errors import UsageError
from chatrepl.services.files.private_files import (
    decode_utf8,
    explain_os_error,
    read_regular,
    replace_private,
)

__all__ = ["UserFiles"]

_MOST_BYTES = 512 * 1024 * 1024
_MOST_ENTRIES = 2000
_MOST_OFFERED = 50


class UserFiles:
    """Implements the core's ``Files`` port."""

    async def read(self, path: str) -> str:
        """Read a text file off the event loop."""
        return await asyncio.to_thread(self.read_now, path)

    @staticmethod
    def read_now(path: str) -> str:
        """Read a text file. Anything but a readable UTF-8 file is a ``UsageError``."""
        return decode_utf8(read_regular(path, _MOST_BYTES), path).removeprefix("\ufeff")

    async def write(self, path: str, text: str, *, replace: bool = False) -> str:
        """Write a file off the event loop, mode 0600, whole or not at all."""
        return await asyncio.to_thread(self._write_now, path, text, replace)

    def _write_now(self, path: str, text: str, replace: bool) -> str:
        try:
            target = Path(path).expanduser().absolute()
            if target.exists() and not replace:
                raise UsageError(f"{target} is there already", "choose another name")
            replace_private(target, text)
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot write {path}: {_reason(error)}") from None
        return str(target)

    def names_file(self, path: str) -> bool:
        """Say whether a path names an existing file or folder."""
        try:
            return Path(path).expanduser().exists()
        except (OSError, ValueError, RuntimeError):
            return False

    def is_file(self, path: str) -> bool:
        """Say whether a path names an existing file, and no folder."""
        try:
            return Path(path).expanduser().is_file()
        except (OSError, ValueError, RuntimeError):
            return False

    def matching(self, begun: str) -> Sequence[str]:
        """Complete a path; hidden files only where a dot is typed. Looks at 2,000 names."""
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
        return sorted(found)[:_MOST_OFFERED]


def _reason(error: Exception) -> str:
    return explain_os_error(error)[0] if isinstance(error, OSError) else str(error)
