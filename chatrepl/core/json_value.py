"""What JSON can hold: the type of settings, parameters and request bodies."""

import json

from chatrepl.core.errors import UsageError

__all__ = ["Json", "check_json"]

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def check_json(value: Json) -> Json:
    """Return a value that JSON can hold.

    Raises ``UsageError`` for what Python or TOML can and JSON cannot: infinity, no number, dates.
    """
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageError("a \\u in it is half a character", "write both halves") from None
    except (ValueError, TypeError, RecursionError):
        raise UsageError("JSON has no infinity, NaN, or dates", "put it in quotes") from None
    return value
