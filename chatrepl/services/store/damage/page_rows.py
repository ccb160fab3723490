"""Reader of rows from the raw pages of an SQLite file whose schema table is lost.

The format is https://www.sqlite.org/fileformat2.html: every page that looks like a table leaf is
read as one, and each row's table is guessed from the types of its columns. Pages in the write-ahead
log replace those of the file. Deleted rows may reappear.
"""

import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatrepl.services.store.schema import MIGRATIONS

Row = Mapping[str, Any]
_LEAF_OF_TABLE = 0x0D
_PAGE_HEADERS = {0x02: 12, 0x05: 12, 0x0A: 8, 0x0D: 8}
_PAGE_SIZES = (4096, 8192, 16384, 32768, 65536, 2048, 1024, 512)
_WAL_HEADER, _FRAME_HEADER = 32, 24
_MOST_COLUMNS = 64


@dataclass(frozen=True, slots=True)
class _Shape:
    """A table's columns as the schema declares them: names, types, NOT NULL."""

    table: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    required: tuple[bool, ...]

    def fits(self, values: Sequence[Any]) -> bool:
        """Return whether a row may belong to this table; its key is stored apart, as NULL."""
        return len(values) == len(self.names) and all(
            _is_of(value, type_, is_required)
            for value, type_, is_required in zip(
                values[1:], self.types[1:], self.required[1:], strict=True
            )
        )


def _is_of(value: object, declared: str, is_required: bool) -> bool:
    if value is None:
        return not is_required
    return isinstance(value, int) if declared == "INTEGER" else isinstance(value, str | bytes)


def _shapes() -> list[_Shape]:
    shapes = []
    with closing(sqlite3.connect(":memory:")) as connection:
        for migration in MIGRATIONS:
            for statement in migration:
                connection.execute(statement)
        for table in ("sessions", "messages", "chunks", "marks", "inherited", "counts"):
            columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
            names, types, required = zip(*((c[1], c[2], bool(c[3])) for c in columns), strict=True)
            shapes.append(_Shape(table, names, types, required))
    return shapes


def carve_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield table names and rows of every readable page. Raises ``OSError``."""
    pages = _pages_of(path)
    shapes = _shapes()
    overflow = _Overflow(pages)
    for number in sorted(pages):
        for key, values in _rows(pages[number], overflow):
            shape = next((shape for shape in shapes if shape.fits(values)), None)
            if shape is not None and key > 0:
                row = dict(zip(shape.names, (key, *values[1:]), strict=True))
                # A row of the search table has the same column types as a mark.
                if row.get("kind", "pinned") in ("pinned", "dropped"):
                    yield shape.table, row


def row_numbers(path: Path) -> set[int]:
    """Return the numbers of the rows on all pages, whatever table. Raises ``OSError``."""
    pages = _pages_of(path)
    return {key for page in pages.values() for key, _, _ in _cells(page) if key > 0}


def _pages_of(path: Path) -> dict[int, bytes]:
    content, log = path.read_bytes(), Path(f"{path}-wal")
    size = _page_size(content)
    pages = {
        number + 1: content[number * size : (number + 1) * size]
        for number in range(len(content) // size)
    }
    if log.exists():
        pages.update(_log_pages(log.read_bytes(), size))
    return pages


def _page_size(content: bytes) -> int:
    """Guess the page size: the one at which most pages look like tables or indexes."""

    def sound(size: int) -> int:
        starts = range(size, len(content) - size + 1, size)
        return sum(_reaches_the_end(content, start, size) for start in starts)

    return max(_PAGE_SIZES, key=sound)


def _reaches_the_end(content: bytes, start: int, size: int) -> bool:
    """Return whether a page's cells lie within it and fill it from its end backwards."""
    header = _PAGE_HEADERS.get(content[start])
    count = int.from_bytes(content[start + 3 : start + 5], "big")
    if header is None or not 0 < count <= (size - header) // 2:
        return False
    furthest: int = max(struct.unpack_from(f">{count}H", content, start + header))
    return size // 2 <= furthest < size


def _log_pages(log: bytes, size: int) -> dict[int, bytes]:
    """Return the newest committed content of each page in a write-ahead log."""
    committed: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    salts = log[16:24]
    for start in range(_WAL_HEADER, len(log) - _FRAME_HEADER - size + 1, _FRAME_HEADER + size):
        number, commit_size = struct.unpack(">II", log[start : start + 8])
        if log[start + 8 : start + 16] != salts:
            break
        pending[number] = log[start + _FRAME_HEADER : start + _FRAME_HEADER + size]
        if commit_size:
            committed.update(pending)
            pending.clear()
    return committed


def _cells(page: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield number, length and place of each row on a page, if it looks like a table's leaf."""
    if page[0] != _LEAF_OF_TABLE:
        return
    count = int.from_bytes(page[3:5], "big")
    for index in range(min(count, len(page) // 4)):
        pointer = int.from_bytes(page[8 + 2 * index : 10 + 2 * index], "big")
        try:
            length, at = _varint(page, pointer)
            key, at = _varint(page, at)
        except IndexError:
            continue
        yield key, length, at


def _rows(page: bytes, overflow: "_Overflow") -> Iterator[tuple[int, Sequence[Any]]]:
    for key, length, at in _cells(page):
        try:
            yield key, _values(overflow.payload(page, at, length))
        except (IndexError, ValueError, KeyError, struct.error):
            # Not a row: the page is damaged here, or is no leaf after all.
            continue


class _Overflow:
    """Reader of rows that go on on other pages: of no more pages, in all, than four files have."""

    def __init__(self, pages: Mapping[int, bytes]) -> None:
        self._pages = pages
        self._pages_left = 4 * len(pages)

    def payload(self, page: bytes, at: int, length: int) -> bytes:
        """Return a row's bytes, including those on overflow pages."""
        usable = len(page)
        if length <= usable - 35:
            return page[at : at + length]
        least = (usable - 12) * 32 // 255 - 23
        here = least + (length - least) % (usable - 4)
        if here > usable - 35:
            here = least
        parts, rest = [page[at : at + here]], length - here
        _check_length(parts[0], length)
        following = int.from_bytes(page[at + here : at + here + 4], "big")
        while rest > 0:
            self._pages_left -= 1
            if self._pages_left < 0:
                raise ValueError("longer than the file")
            overflow = self._pages[following]
            parts.append(overflow[4 : 4 + rest])
            rest -= usable - 4
            following = int.from_bytes(overflow[:4], "big")
        return b"".join(parts)


def _check_length(record: bytes, length: int) -> None:
    """Raise ``ValueError`` if the columns that a record begins with do not make up its length."""
    header, kinds = _kinds(record)
    if header + sum(_reading(kind)[0] for kind in kinds) != length:
        raise ValueError("not the beginning of a row")


def _kinds(record: bytes) -> tuple[int, list[int]]:
    """Return the length of a record's header, and the types of its columns."""
    header, at = _varint(record, 0)
    kinds: list[int] = []
    while at < header and len(kinds) <= _MOST_COLUMNS:
        kind, at = _varint(record, at)
        kinds.append(kind)
    return at, kinds


def _values(record: bytes) -> list[Any]:
    at, kinds = _kinds(record)
    values: list[Any] = []
    for kind in kinds:
        size, read = _reading(kind)
        if at + size > len(record):
            raise ValueError("a row is cut short")
        values.append(read(record[at : at + size]))
        at += size
    return values


def _reading(kind: int) -> tuple[int, Callable[[bytes], Any]]:
    """Return a serial type's size in bytes, and the function that decodes its value."""
    if kind >= 12:
        return (kind - 12) // 2, bytes if kind % 2 == 0 else _text
    if kind in (8, 9):
        return 0, lambda _: kind - 8
    if kind == 7:
        return 8, lambda raw: struct.unpack(">d", raw)[0]
    if kind == 0:
        return 0, lambda _: None
    if kind > 9:
        raise ValueError("a kind of value that does not exist")
    return (0, 1, 2, 3, 4, 6, 8)[kind], lambda raw: int.from_bytes(raw, "big", signed=True)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(9):
        byte = data[at + index]
        if index == 8:
            return (value << 8) | byte, at + 9
        value = (value << 7) | (byte & 0x7F)
        if byte < 0x80:
            return value, at + index + 1
    raise ValueError("unreachable")
