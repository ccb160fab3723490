"""Checked access to the fields of JSON objects from files; errors name the place of a fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.text.terminal_safe import safe_text
from chatrepl.core.transcript.transcript import in_utc

T = TypeVar("T")

_HINT = "the file is damaged, or no transcript"


def damaged(where: str, what: str) -> UsageError:
    """Make the error for a fault at a place in a file."""
    return UsageError(f"{where}: {what}" if where else what, _HINT)


def type_name(value: Json) -> str:
    """Name the type of a JSON value in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"


@dataclass(frozen=True, slots=True)
class Fields:
    """JSON object that is read field by field; every method raises ``UsageError``."""

    values: Mapping[str, Json]
    where: str
    """Place of the object in the file, e.g. ``tree[3]``; empty at the top."""

    @classmethod
    def of(cls, value: Json, where: str) -> "Fields":
        """Wrap a value that must be an object."""
        if not isinstance(value, dict):
            raise damaged(where, f"must be an object, not {type_name(value)}")
        return cls(value, where)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; where it is null or missing, the default, or an error without one."""
        value = self.optional_text(key)
        if value is not None:
            return value
        if default is None:
            raise self._wrong(key, "a text")
        return default

    def optional_text(self, key: str) -> str | None:
        """Return a text, or None where it is null or missing."""
        return self._typed(key, str, "a text")

    def count(self, key: str) -> int | None:
        """Return a whole number, or None where it is null or missing."""
        if isinstance(self.values.get(key), bool):
            raise self._wrong(key, "a whole number")
        return self._typed(key, int, "a whole number")

    def flag(self, key: str) -> bool:
        """Return a boolean; null and missing are False."""
        return self._typed(key, bool, "true or false") is True

    def object(self, key: str) -> Mapping[str, Json]:
        """Return an object; null and missing are an empty one."""
        return self._typed(key, dict, "an object") or {}

    def items(self, key: str) -> Sequence[Json]:
        """Return a list; null and missing are an empty one."""
        return self._typed(key, list, "a list") or []

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; null and missing are an empty one."""
        items = self.items(key)
        texts = tuple(item for item in items if isinstance(item, str))
        if len(texts) != len(items):
            raise self._wrong(key, "a list of texts")
        return texts

    def objects(self, key: str) -> tuple[Mapping[str, Json], ...]:
        """Return a list of objects; null and missing are an empty one."""
        items = self.items(key)
        return tuple(
            Fields.of(item, self.place(f"{key}[{number}]")).values
            for number, item in enumerate(items)
        )

    def time(self, key: str, default: datetime) -> datetime:
        """Return an ISO 8601 time in UTC, or the default where it is null or missing."""
        value = self.optional_text(key)
        if value is None:
            return default
        try:
            return in_utc(datetime.fromisoformat(value))
        except (ValueError, OverflowError) as error:
            raise self._wrong(key, "a time such as 2026-01-31T12:00:00Z") from error

    def place(self, key: str) -> str:
        """Return the place of a field in the file."""
        return f"{self.where}.{key}" if self.where else key

    def _typed(self, key: str, kind: type[T], wanted: str) -> T | None:
        value = self.values.get(key)
        if value is not None and not isinstance(value, kind):
            raise self._wrong(key, wanted)
        return value

    def _wrong(self, key: str, wanted: str) -> UsageError:
        value = self.values.get(key)
        given = "missing" if key not in self.values else f"not {type_name(value)}"
        if isinstance(value, str):
            given = f"not “{value[:40]}”"
        return damaged(self.place(key), f"must be {wanted}, {given}")


def printable(text: str) -> str:
    """Replace control, invisible and surrogate characters by visible marks; CRLF becomes LF."""
    return safe_text(text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Make a text printable on one line, for headings."""
    return " ".join(printable(text).split())
