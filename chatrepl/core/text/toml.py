"""Write TOML, which the standard library reads only; walk a table of settings."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping

from chatrepl.core.messages import Json

__all__ = ["key_lines", "setting_fields", "to_toml"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(table: Mapping[str, Json]) -> str:
    """Write a table: plain values first, then tables, then lists of tables, one level of each.

    What is nested deeper is written inline. ``None`` has no form in TOML and is left out.
    """
    lines: list[str] = []
    below: list[str] = []
    for key, value in table.items():
        if isinstance(value, dict):
            below += ["", f"[{_key(key)}]", *_pairs(value)]
        elif isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            for row in value:
                assert isinstance(row, dict)
                below += ["", f"[[{_key(key)}]]", *_pairs(row)]
        elif value is not None:
            lines.append(f"{_key(key)} = {_value(value)}")
    return "\n".join([*lines, *below]).lstrip("\n") + "\n"


def _pairs(table: Mapping[str, Json]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items() if value is not None]


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    # JSON's strings are TOML's, but for the one control character that JSON leaves alone.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Json) -> str:
    match value:
        case str():
            return _string(value)
        case bool():
            return "true" if value else "false"
        case list():
            return "[" + ", ".join(_value(item) for item in value if item is not None) + "]"
        case dict():
            return "{ " + ", ".join(_pairs(value)) + " }" if value else "{}"
        case _:
            return str(value)


def setting_fields(table: Mapping[str, Json]) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Yield each key, as its parts, with its value; those of the table ``extra`` one by one."""
    for key, value in table.items():
        if key == "extra" and isinstance(value, dict):
            yield from (((key, name), own) for name, own in value.items())
        else:
            yield (key,), value


Key = tuple[str, ...]
_TOKEN = re.compile(
    r'''
    (?P<text> """(?:[^"\\]|\\.|"(?!""))*"""(?:"{0,2})
            | \'\'\'(?:[^']|'(?!''))*\'\'\'(?:'{0,2})
            | "(?:[^"\\\n]|\\.)*"
            | '[^'\n]*' )
    | (?P<space> [ \t\r]+ | \#[^\n]* )
    | (?P<mark> [\n\[\]{}=,.] )
    | (?P<word> [^\s\[\]{}=,."'\#]+ )
    ''',
    re.VERBOSE | re.DOTALL,
)
_END = ""


def key_lines(text: str) -> dict[Key, int]:
    """Map the full name of each key and table, as its parts, to its first line (from 1).

    Keys within arrays are not told apart, and left out. Raises ``RecursionError`` for tables nested
    very deeply.
    """
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._found: dict[Key, int] = {}
        self._now, self._line = next(self._tokens)

    def read(self) -> dict[Key, int]:
        table: Key = ()
        while self._now != _END:
            if self._now == "\n":
                self._advance()
            elif self._now == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._found

    def _advance(self) -> None:
        self._now, self._line = next(self._tokens)

    def _header(self) -> Key:
        while self._now == "[":
            self._advance()
        table = self._key(())
        while self._now == "]":
            self._advance()
        return table

    def _pair(self, table: Key) -> None:
        key = self._key(table)
        self._advance()
        self._value(key)

    def _key(self, table: Key) -> Key:
        """Read a dotted key; each of its beginnings is a table that is set here too."""
        while True:
            table = (*table, _name(self._now))
            self._found.setdefault(table, self._line)
            self._advance()
            if self._now != ".":
                return table
            self._advance()

    def _value(self, key: Key) -> None:
        if self._now == "{":
            self._inline_table(key)
            return
        depth = 0
        while self._now != _END:
            if depth == 0 and self._now in ("\n", ",", "}"):
                return
            depth += (self._now in ("[", "{")) - (self._now in ("]", "}"))
            self._advance()

    def _inline_table(self, table: Key) -> None:
        self._advance()
        while self._now != "}":
            if self._now in (",", "\n"):
                self._advance()
            else:
                self._pair(table)
        self._advance()


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Yield each token that matters with the line on which it begins, then ends without end."""
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "space":
            yield match[0], line
        line += match[0].count("\n")
    while True:
        yield _END, line


def _name(token: str) -> str:
    return next(iter(tomllib.loads(f"{token} = 0"))) if token[:1] in ("'", '"') else token
