"""What was typed, across runs: one file, a JSON text a line, several programs at once."""

import asyncio
import json
import os
import re
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

from prompt_toolkit.history import History

__all__ = ["BigPastes", "InputHistory"]

_KEPT_ENTRIES = 2000
_READ_BYTES = 8_000_000
_QUICK_BYTES = 65_536
_KEY_LINE = re.compile(r"\s*/key\s+\S")
"""A key that was typed in clear, which the command does not take."""
_LONGEST_STORED = 2_000_000
BIG_PASTE_CHARS = 65536


class BigPastes:
    """Keeps large pastes aside, and puts them back where their text stands."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def shorten(self, text: str) -> str:
        """Return what to insert for a paste: itself, or a text that stands for it."""
        if len(text) < BIG_PASTE_CHARS:
            return text
        size = _rounded_size(len(text.encode("utf-8", "surrogatepass")))
        lines = text.count("\n") + 1
        name = f"[pasted {size}, {lines} line{'' if lines == 1 else 's'}]"
        number = 2
        plain = name
        while self._kept.get(name, text) != text:
            name = f"{plain[:-1]}, no. {number}]"
            number += 1
        self._kept[name] = text
        return name

    def expand(self, text: str) -> str:
        """Put the pastes back that a text mentions."""
        if "[pasted " in text:
            for name, body in self._kept.items():
                text = text.replace(name, body)
        return text


class InputHistory(History):
    """Entries of earlier runs and of this one, the newest first.

    The file is the owner's alone (0600). Each entry is appended by one write, so that programs
    that share it never mix theirs; a damaged line is passed over. Large pastes are whole on disk,
    and shortened in the line. ``trouble`` holds the last error of the disk: the history then lives
    in memory only.
    """

    def __init__(self, path: Path | None, pastes: BigPastes) -> None:
        super().__init__()
        self.path = path
        self._pastes = pastes
        self.trouble: OSError | None = None
        # Entries beyond are this run's own, or another program's.
        self._size_at_start = _file_bytes(path)
        self._loaded = not self._size_at_start
        self._loading: asyncio.Future[list[str]] | None = None
        if 0 < self._size_at_start <= _QUICK_BYTES:
            # Quicker than a thread; and the very first key may ask for it.
            self._loaded_strings = self._read()
            self._loaded = True

    @property
    def is_loaded(self) -> bool:
        """Whether the entries of earlier runs are there."""
        return self._loaded

    def newest_first(self) -> list[str]:
        """Return what is loaded so far."""
        return self._loaded_strings

    async def load(self) -> AsyncGenerator[str, None]:
        """Yield all entries, the newest first; the file is read off the event loop."""
        if not self._loaded:
            if self._loading is None:
                self._loading = asyncio.ensure_future(asyncio.to_thread(self._read))
            earlier = await asyncio.shield(self._loading)
            if not self._loaded:
                self._loaded_strings = (self._loaded_strings + earlier)[:_KEPT_ENTRIES]
                self._loaded = True
        for entry in self._loaded_strings:
            yield entry

    def load_history_strings(self) -> Iterable[str]:
        """Return the file's entries, the newest first."""
        return self._read()

    def append_string(self, string: str) -> None:
        """Add an entry, unless it is the newest already."""
        if not self._loaded_strings or self._loaded_strings[0] != string:
            super().append_string(string)

    def store_string(self, string: str) -> None:
        """Append an entry to the file; very long ones, and keys, stay in memory only."""
        text = self._pastes.expand(string)
        if self.path is None or len(text) > _LONGEST_STORED or _KEY_LINE.match(text):
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self.path, flags, 0o600)
            try:
                os.write(descriptor, _line_end(descriptor) + json.dumps(text).encode() + b"\n")
            finally:
                os.close(descriptor)
        except OSError as error:
            self.trouble = error

    def _read(self) -> list[str]:
        if self.path is None or not self._size_at_start:
            return []
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self._size_at_start - _READ_BYTES))
                data = file.read(min(self._size_at_start, _READ_BYTES))
        except OSError as error:
            self.trouble = error
            return []
        entries = [entry for line in data.split(b"\n") if (entry := _parse(line))]
        newest_first = entries[: -_KEPT_ENTRIES - 1 : -1]
        return [self._pastes.shorten(entry) for entry in newest_first]


def _line_end(descriptor: int) -> bytes:
    """Return what ends a line that another program could not finish."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def _parse(line: bytes) -> str:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    return entry if isinstance(entry, str) else ""


def _file_bytes(path: Path | None) -> int:
    try:
        return path.stat().st_size if path else 0
    except OSError:
        return 0


def _rounded_size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} KB"
