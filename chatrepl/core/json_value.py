"""The type of JSON values: settings, parameters and request bodies.

Apart from ``messages``, as the command line is read with it before anything else is loaded.
"""

import json

from chatrepl.core.errors import UsageError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def check_json(value: Json) -> Json:
    """Return a value if JSON can represent it.

    Raises ``UsageError`` for values that only Python or TOML have: infinity, NaN, dates.
    """
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageError("a \\u in it is half a character", "write both halves") from None
    except (ValueError, TypeError, RecursionError):
        raise UsageError("JSON has no infinity, NaN, or dates", "put it in quotes") from None
    return value
