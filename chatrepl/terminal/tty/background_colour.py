"""Whether the terminal's background is dark or light, as it says itself.

The question for the colour is followed by one that every terminal answers (what it is): its answer
says that no other is to come. Nothing waits for either.
"""

import re
from collections.abc import Mapping
from typing import Literal

__all__ = [
    "BACKGROUND_QUESTION",
    "Background",
    "background_of",
    "ends_answers",
    "may_ask_background",
]

Background = Literal["dark", "light"]

BACKGROUND_QUESTION = "\x1b]11;?\x1b\\\x1b[c"

_COLOUR = re.compile(
    r"\x1b\]11;(?:rgba?:([0-9a-f]{1,4})/([0-9a-f]{1,4})/([0-9a-f]{1,4})(?:/[0-9a-f]{1,4})?"
    r"|#((?:[0-9a-f]{3}){1,4}))(?:\x07|\x1b\\)",
    re.IGNORECASE,
)
_ATTRIBUTES = re.compile(r"\x1b\[\?[0-9;]*c")
_WITHOUT_COLOURS = ("dumb", "unknown", "linux", "cons", "vt1", "vt2", "vt5", "ansi", "eterm", "sun")


def may_ask_background(environment: Mapping[str, str]) -> bool:
    """Say whether the terminal is of a kind that understands the question, and shows colours."""
    term = environment.get("TERM", "").lower()
    return bool(term) and not term.startswith(_WITHOUT_COLOURS) and not environment.get("NO_COLOR")


def background_of(reply: str) -> Background | None:
    """Read the terminal's answer; None: it is no colour, or not that of the background."""
    match = _COLOUR.fullmatch(reply)
    if match is None:
        return None
    digits = match[4]
    size = len(digits or "") // 3
    parts = [digits[at * size :][:size] for at in range(3)] if digits else list(match.groups()[:3])
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in parts)
    # How bright eyes see it (ITU-R BT.709), near enough without undoing the gamma.
    return "light" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else "dark"


def ends_answers(reply: str) -> bool:
    """Say whether the answer is the last one, to what the terminal is."""
    return _ATTRIBUTES.fullmatch(reply) is not None
