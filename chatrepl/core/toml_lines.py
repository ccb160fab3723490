"""Find on which line a TOML file sets each key, which the standard library's reader does not tell.

The text is known to be valid, so what is read here is only as much of the grammar as separates keys
from values: strings of four kinds, comments, brackets and dots.
"""

import re
import tomllib
from collections.abc import Iterator

__all__ = ["key_lines"]

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
