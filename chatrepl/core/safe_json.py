"""Write JSON that a terminal shows as it is."""

import json

from chatrepl.core.json_value import Json
from chatrepl.core.text.terminal_safe import safe_text

__all__ = ["escape_json", "safe_json"]


def safe_json(value: Json, *, indent: int | None = None) -> str:
    """Write JSON on one line, or indented on several; what is read from it is the value.

    Only what a terminal must not be sent is escaped.
    """
    return escape_json(json.dumps(value, indent=indent, ensure_ascii=False))


def escape_json(written: str, encoding: str = "utf-8") -> str:
    """Escape, in JSON, what a terminal must not be sent, and what an encoding may lack.

    What is read from it stays the same.
    """
    shown = safe_text(written)
    has_all = _has_all(encoding, shown)
    if has_all and shown == written:
        return written
    # Outside of texts JSON is ASCII without controls, so all that is escaped stands in a text.
    pairs = zip(written, shown, strict=True)
    return "".join(
        char if char == mark and (has_all or char.isascii()) else _escape(char)
        for char, mark in pairs
    )


def _has_all(encoding: str, text: str) -> bool:
    try:
        # Shift JIS writes a yen sign as a backslash, so that it can be written is not enough.
        return text.encode(encoding).decode(encoding) == text
    except UnicodeError:
        return False


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
