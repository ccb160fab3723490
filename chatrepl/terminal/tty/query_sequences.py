"""Queries that terminals answer, and their replies: background colour, cursor, window size.

Nothing ever waits for a reply: a terminal that does not know a query ignores it.
"""

import re
from collections.abc import Mapping
from typing import Literal

Background = Literal["dark", "light"]

BACKGROUND_QUERY = "\x1b]11;?\x1b\\\x1b[c"
"""Asks for the background's colour, then for the device attributes.

Every terminal answers the latter: after that reply no colour is to come.
"""
CURSOR_QUERY = "\x1b[6n"
SIZE_QUERY = "\x1b[6n\x1b[18t"
"""Asks for the cursor's place, then for the window's size."""

_COLOUR = re.compile(
    r"\x1b\]11;(?:rgba?:([0-9a-f]{1,4})/([0-9a-f]{1,4})/([0-9a-f]{1,4})(?:/[0-9a-f]{1,4})?"
    r"|#((?:[0-9a-f]{3}){1,4}))(?:\x07|\x1b\\)",
    re.IGNORECASE,
)
_DEVICE_ATTRIBUTES = re.compile(r"\x1b\[\?[0-9;]*c")
_CURSOR = re.compile(r"\x1b\[(\d+);\d+R")
_SIZE = re.compile(r"\x1b\[8;(\d+);(\d+)t")
_WITHOUT_COLOURS = ("dumb", "unknown", "linux", "cons", "vt1", "vt2", "vt5", "ansi", "eterm", "sun")


def may_ask_background(environment: Mapping[str, str]) -> bool:
    """Return whether the terminal is of a kind that understands the query and shows colours."""
    term = environment.get("TERM", "").lower()
    return bool(term) and not term.startswith(_WITHOUT_COLOURS) and not environment.get("NO_COLOR")


def answers_size(environment: Mapping[str, str]) -> bool:
    """Return whether the terminal is known to answer the size query, and at once: tmux."""
    return "TMUX" in environment and environment.get("TERM", "").startswith(("screen", "tmux"))


def background_of(reply: str) -> Background | None:
    """Parse a background colour; None: the reply is another one."""
    match = _COLOUR.fullmatch(reply)
    if match is None:
        return None
    digits = match[4]
    size = len(digits or "") // 3
    parts = [digits[at * size :][:size] for at in range(3)] if digits else list(match.groups()[:3])
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in parts)
    # Luminance (ITU-R BT.709), near enough without undoing the gamma.
    return "light" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else "dark"


def is_device_attributes(reply: str) -> bool:
    """Return whether the reply is the one to the second half of ``BACKGROUND_QUERY``."""
    return _DEVICE_ATTRIBUTES.fullmatch(reply) is not None


def cursor_row_of(reply: str) -> int | None:
    """Parse the cursor's row, from 0; None: the reply is another one."""
    match = _CURSOR.fullmatch(reply)
    return int(match[1]) - 1 if match else None


def size_of(reply: str) -> tuple[int, int] | None:
    """Parse a window's rows and columns, as they stand in the reply; None: it is another one."""
    match = _SIZE.fullmatch(reply)
    return (int(match[1]), int(match[2])) if match else None
