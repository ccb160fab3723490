"""Input history in a file that several programs may share, and placeholders for large pastes."""

import asyncio
import json
import os
import re
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

from prompt_toolkit.history import History

_MAX_ENTRIES = 2000
_MAX_READ_BYTES = 8_000_000
_MAX_SYNC_READ_BYTES = 65_536
"""Up to this size reading at once is faster than starting a thread."""
_MAX_STORED_CHARS = 2_000_000
_BIG_PASTE_CHARS = 65_536
_API_KEY = re.compile(r"\s*/key\s+\S")
"""An API key typed in clear, though the command takes none: it must not reach the disk."""


class BigPastes:
    """Large pastes and their placeholders in the input line, which would be slow to edit."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        """By placeholder."""

    def shorten(self, text: str) -> str:
        """Return a paste's text, or its placeholder if it is large."""
        if len(text) < _BIG_PASTE_CHARS:
            return text
        size = _rounded_size(len(text.encode("utf-8", "surrogatepass")))
        lines = text.count("\n") + 1
        unnumbered = placeholder = f"[pasted {size}, {lines} line{'' if lines == 1 else 's'}]"
        number = 2
        while self._texts.get(placeholder, text) != text:
            placeholder = f"{unnumbered[:-1]}, no. {number}]"
            number += 1
        self._texts[placeholder] = text
        return placeholder

    def expand(self, text: str) -> str:
        """Replace the placeholders in a text by the pastes."""
        if "[pasted " in text:
            for placeholder, paste in self._texts.items():
                text = text.replace(placeholder, paste)
        return text


class InputHistory(History):
    """Entries of earlier runs and of this one, newest first; one JSON string a line in the file.

    The file is the owner's alone (0600). Each entry is appended by one write, so that programs
    that share it never mix theirs; a damaged line is skipped. Large pastes are whole in the file,
    and placeholders in memory. ``path`` None: in memory only.
    """

    def __init__(self, path: Path | None, pastes: BigPastes) -> None:
        super().__init__()
        self.path = path
        self._pastes = pastes
        self.disk_error: OSError | None = None
        """The last failure to read or write the file, until it is reported."""
        self._entries: list[str] = []
        # What is appended later is this run's own, or another program's.
        self._initial_bytes = _file_bytes(path)
        self.is_loaded = self._initial_bytes <= _MAX_SYNC_READ_BYTES
        """Whether the entries of earlier runs are in memory; the very first key may want them."""
        if self.is_loaded:
            self._entries = self._read()
        self._loading: asyncio.Future[list[str]] | None = None

    def newest_first(self) -> list[str]:
        """Return the entries loaded so far."""
        return self._entries

    # Called by prompt_toolkit.

    def get_strings(self) -> list[str]:
        """Return the entries loaded so far, oldest first."""
        return self._entries[::-1]

    async def load(self) -> AsyncGenerator[str, None]:
        """Yield all entries, newest first; a large file is read in a thread, once."""
        if not self.is_loaded:
            if self._loading is None:
                self._loading = asyncio.ensure_future(asyncio.to_thread(self._read))
            earlier = await asyncio.shield(self._loading)
            if not self.is_loaded:
                self._entries = (self._entries + earlier)[:_MAX_ENTRIES]
                self.is_loaded = True
        for entry in self._entries:
            yield entry

    def load_history_strings(self) -> Iterable[str]:
        """Return the file's entries, newest first."""
        return self._read()

    def append_string(self, string: str) -> None:
        """Add an entry here and to the file, unless it is the newest already."""
        if self._entries[:1] != [string]:
            self._entries.insert(0, string)
            self.store_string(string)

    def store_string(self, string: str) -> None:
        """Append an entry to the file; very long ones, and API keys, stay in memory only."""
        text = self._pastes.expand(string)
        if self.path is None or len(text) > _MAX_STORED_CHARS or _API_KEY.match(text):
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self.path, flags, 0o600)
            try:
                os.write(
                    descriptor, _missing_line_end(descriptor) + json.dumps(text).encode() + b"\n"
                )
            finally:
                os.close(descriptor)
        except OSError as error:
            self.disk_error = error

    def _read(self) -> list[str]:
        if self.path is None or not self._initial_bytes:
            return []
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self._initial_bytes - _MAX_READ_BYTES))
                data = file.read(min(self._initial_bytes, _MAX_READ_BYTES))
        except OSError as error:
            self.disk_error = error
            return []
        entries = [entry for line in data.split(b"\n") if (entry := _parse(line))]
        newest_first = entries[: -_MAX_ENTRIES - 1 : -1]
        return [self._pastes.shorten(entry) for entry in newest_first]


def _missing_line_end(descriptor: int) -> bytes:
    """Return a line end if the file's last line has none: a program was killed while writing."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def _parse(line: bytes) -> str:
    """Return a line's entry; empty if it is damaged."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    return entry if isinstance(entry, str) else ""


def _file_bytes(path: Path | None) -> int:
    """Return a file's size, 0 if there is none."""
    try:
        return path.stat().st_size if path else 0
    except OSError:
        return 0


def _rounded_size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} KB"
