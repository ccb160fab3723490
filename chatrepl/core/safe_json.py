"""Write JSON that a terminal shows as it is."""

import json

from chatrepl.core.messages import Json
from chatrepl.core.safe_text import safe_text

__all__ = ["readable_json"]


def readable_json(value: Json) -> str:
    """Write JSON over several lines; what is read from it again is the value to the letter.

    Only what a terminal must not be sent is escaped.
    """
    written = json.dumps(value, indent=2, ensure_ascii=False)
    shown = safe_text(written)
    if shown == written:
        return written
    pairs = zip(written, shown, strict=True)
    return "".join(char if char == mark else json.dumps(char)[1:-1] for char, mark in pairs)
