"""Styles to draw with, messages to draw, and ways to read drawn lines."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

from chatrepl.core.messages import Message
from chatrepl.terminal.draw.layout.style import RESET, ColorDepth, DrawStyle

COLOR = DrawStyle(colors=ColorDepth.TRUECOLOR, theme="dark", hyperlinks=True)
PLAIN = DrawStyle()
ASCII = DrawStyle(unicode=False)
STYLES = (COLOR, PLAIN, DrawStyle(colors=ColorDepth.COLORS_16, unicode=False))

SGR = re.compile(r"\x1b\[[0-9;]*m")
LINK = re.compile(r"\x1b\]8;;[!-~]*\x1b\\")
INVISIBLE = "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def message(role: str, content: str, **fields: Any) -> Message:
    """Make a message; the fields are those of ``Message``."""
    return Message("1", None, role, content, datetime(2026, 1, 1, tzinfo=UTC), **fields)


def visible(line: str) -> str:
    """Return a drawn line without its styles and links."""
    return SGR.sub("", LINK.sub("", line))


def joined(lines: list[str]) -> str:
    """Return the visible text of drawn lines, without blanks and the bars of quotes."""
    return "".join("".join(visible(line) for line in lines).replace("│", "").split())


def assert_harmless(lines: list[str]) -> None:
    """Assert that lines have no control characters but our own sequences, which are ended."""
    for line in lines:
        shown = visible(line)
        bad = [
            character
            for character in shown
            if (unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character != "\t")
            or character in INVISIBLE
            or 0xE0000 <= ord(character) < 0xE1000
        ]
        assert bad == [], line
        assert shown == shown.rstrip(), line
        sequences = SGR.findall(line)
        assert not sequences or (sequences[-1] == RESET and line.count("\x1b[") == len(sequences))
        assert line.count("\x1b]") == len(LINK.findall(line))
        assert LINK.findall(line)[-1:] in ([], ["\x1b]8;;\x1b\\"])
