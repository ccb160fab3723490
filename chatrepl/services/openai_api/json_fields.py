"""Typed access to JSON from servers, which is not trusted: a value of a wrong type counts as none.

No I/O.
"""

import json

_DECODER = json.JSONDecoder()
_COUNT_LIMIT = 2**53
"""Larger numbers fit neither a JSON reader's floats nor a database's column."""


def parse_json(text: str) -> object:
    """Parse one JSON value. Raises ``ValueError`` for anything else, also for too deep nesting."""
    text = text.strip()
    try:
        value, end = _DECODER.raw_decode(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    if end != len(text):
        raise ValueError("there is more than one JSON value")
    result: object = value
    return result


def text_of(value: object) -> str:
    """Return a string; empty for anything else."""
    return value if isinstance(value, str) else ""


def list_of(value: object) -> list[object]:
    """Return a list; empty for anything else."""
    return value if isinstance(value, list) else []


def field_of(value: object, name: str) -> object:
    """Return a field of an object; None if it has none, or is no object."""
    return value.get(name) if isinstance(value, dict) else None


def positive_int(value: object) -> int | None:
    """Return an integer above zero that a database can hold; None for anything else."""
    return value if type(value) is int and 0 < value < _COUNT_LIMIT else None


def count_of(value: object) -> int | None:
    """Return a count that a database can hold, also from a float; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < _COUNT_LIMIT else None


def first_count(*values: object) -> int | None:
    """Return the first of the values that is a count."""
    counts = map(count_of, values)
    return next((count for count in counts if count is not None), None)
