"""TOML: writing tables, the lines of keys, and the fields of settings tables.

The standard library only reads it.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache

from chatrepl.core.json_value import Json

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(table: Mapping[str, Json]) -> str:
    """Format a table: plain values first, then tables and lists of tables, one level of each.

    Deeper levels are written inline. None has no form in TOML and is left out.
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
    # JSON's strings are valid TOML, except for the one control character that JSON leaves as is.
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
    """Yield each key, as its parts, with its value; the keys of the table ``extra`` one by one."""
    for key, value in table.items():
        if key == "extra" and isinstance(value, dict):
            yield from (((key, name), own) for name, own in value.items())
        else:
            yield (key,), value


Key = tuple[str, ...]
"""The full name of a key or table, as its parts."""
_POSSIBLE_END = re.compile(r"\"{3}|'{3}|]")
"""Part of each line that ends a value of several lines."""


@lru_cache(maxsize=4)
def key_lines(text: str) -> Mapping[Key, int]:
    """Map each key and table to the first line (from 1) of the first statement that names it.

    ``text`` is valid TOML. Keys within arrays are left out, and those of a repeated table
    (``[[name]]``) are not told apart. Expensive: meant for errors, which name the line.
    """
    found: dict[Key, int] = {}
    table: Key = ()
    statement: list[str] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        statement.append(line)
        # A statement ends where it parses by itself; trying each line of a long text is quadratic.
        if len(statement) > 1 and not _POSSIBLE_END.search(line):
            continue
        try:
            parsed = tomllib.loads("\n".join(statement))
        except tomllib.TOMLDecodeError:
            continue
        is_header = line.lstrip().startswith("[") and len(statement) == 1
        keys = list(_keys(parsed, () if is_header else table))
        if is_header:
            table = keys[-1]
        for key in keys:
            found.setdefault(key, number - len(statement) + 1)
        statement.clear()
    return found


def _keys(parsed: Mapping[str, object], table: Key) -> Iterator[Key]:
    """Yield the keys that one statement names, a table before what is in it."""
    # A stack, as dotted keys may nest deeper than Python's calls.
    stack = [(table, parsed)]
    while stack:
        table, values = stack.pop()
        for name, value in values.items():
            yield (*table, name)
            if isinstance(value, dict):
                stack.append(((*table, name), value))
