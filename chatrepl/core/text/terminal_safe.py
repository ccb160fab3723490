"""Escaping of untrusted text for terminals, character by character.

Text of a model, a server, a file or a person, shown raw, could move the cursor, set the clipboard,
or look different from what it is. Escape sequences are not parsed: the characters that make them
work are replaced, each by a mark of one cell, so that a sequence cut in two is harmless as well.
Only displayed text is escaped; stored, copied and sent text stays exact.

- Controls become their pictures (``␛``); C1, surrogates, tag characters and noncharacters ``�``.
- Bidirectional controls and all other invisible characters become ``␦``.
- Line and paragraph separators become new lines; new line and tab stay.
- A joiner or an emoji/text selector stays after a character that can bear one (emoji, Indic,
  Arabic, …), which is the only context considered; elsewhere it becomes a mark.
"""

import json
import re
from functools import cache

from chatrepl.core.json_value import Json

_BAD = "\ufffd"
_INVISIBLE = "\u2426"
_JOINERS = "\u200c\u200d"
_SELECTORS = "\ufe0e\ufe0f"
# Scripts whose letters take shape by joiners: Arabic to Thaana, the Brahmic scripts, Mongolian, …
_JOINING_SCRIPTS = (
    "\u0620-\u08ff\u0900-\u0dff\u0f00-\u109f\u1700-\u18af\u1900-\u1cff\ua800-\uabff"
    "\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
_EMOJI = (
    "#*0-9\u00a9\u00ae\u203c\u2049\u20e3\u2100-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_WIDE_IDEOGRAPHS = "\u3400-\u9fff\uf900-\ufaff"
_STRAY = re.compile(
    f"(?<![{_JOINING_SCRIPTS}{_EMOJI}\ufe0f])[{_JOINERS}]"
    f"|(?<![{_JOINING_SCRIPTS}{_EMOJI}{_WIDE_IDEOGRAPHS}])[{_SELECTORS}]"
)
_HAS_JOINER = re.compile(f"[{_JOINERS}{_SELECTORS}]")
# Unicode's format characters and the rest of its Default_Ignorable_Code_Point list, less the signs
# that are drawn (Arabic number and verse signs), the joiners and the emoji/text selectors.
_INVISIBLE_RANGES = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5)),
    *((0x180B, 0x180F), (0x200B, 0x200B), (0x200E, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F)),
    *((0x3164, 0x3164), (0xFE00, 0xFE0D), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB)),
    *((0x13430, 0x1343F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
)
_BAD_RANGES = ((0x80, 0x9F), (0xD800, 0xDFFF), (0xE0000, 0xE0FFF), (0xFDD0, 0xFDEF))
_PLANES = 0x11


@cache
def _marks() -> dict[int, str]:
    """Return the marks of all characters that are never shown (built at the first use)."""
    marks = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
    marks[0x7F] = "\u2421"
    for mark, ranges in ((_INVISIBLE, _INVISIBLE_RANGES), (_BAD, _BAD_RANGES)):
        for first, last in ranges:
            marks.update(dict.fromkeys(range(first, last + 1), mark))
    for plane in range(_PLANES):
        marks.update(dict.fromkeys((plane * 0x10000 + 0xFFFE, plane * 0x10000 + 0xFFFF), _BAD))
    marks.update({0x2028: "\n", 0x2029: "\n"})
    return marks


def safe_text(text: str, *, before: str = "") -> str:
    """Replace every control and invisible character by a visible mark.

    Tab and new line stay; every character becomes exactly one. ``before`` is the character in front
    of ``text``, if any: a joiner at the beginning is judged by it. Apart from that, a text may be
    escaped in any pieces. A carriage return is a control like others: see ``TextCleaner`` for text
    with CRLF line ends.
    """
    if _HAS_JOINER.search(text):
        context = before[-1:]
        text = _STRAY.sub(_INVISIBLE, context + text)[len(context) :]
    return text.translate(_marks())


def safe_line(text: str) -> str:
    """Escape text on one line: line ends become ``⏎``, tabs a space."""
    whole = text.replace("\r\n", "\n").rstrip("\n")
    return safe_text(whole).replace("\n", "\u23ce").replace("\t", " ")


class TextCleaner:
    """Escapes a stream of text; the result does not depend on its pieces.

    CRLF becomes a new line; a carriage return alone becomes a mark.
    """

    __slots__ = ("_before", "_carriage_return")

    def __init__(self) -> None:
        self._before = ""
        self._carriage_return = False

    def feed(self, text: str) -> str:
        """Return the escaped text; a carriage return at its end is held until the next piece."""
        if not text:
            return ""
        if self._carriage_return:
            text = "\r" + text
        self._carriage_return = text.endswith("\r")
        if self._carriage_return:
            text = text[:-1]
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        clean = safe_text(text, before=self._before)
        self._before = text[-1:] or self._before
        return clean

    def finish(self) -> str:
        """Return the held text, and reset."""
        held = safe_text("\r") if self._carriage_return else ""
        self._before, self._carriage_return = "", False
        return held


def safe_json(value: Json, *, indent: int | None = None) -> str:
    """Format JSON on one line, or indented on several, escaping only unsafe characters.

    Reading it gives the same value.
    """
    return escape_json(json.dumps(value, indent=indent, ensure_ascii=False))


def escape_json(written: str, encoding: str = "utf-8") -> str:
    """Escape the characters of JSON that are unsafe on a terminal or that an encoding lacks.

    Reading it gives the same value.
    """
    shown = safe_text(written)
    has_all = _has_all(encoding, shown)
    if has_all and shown == written:
        return written
    # Outside of strings JSON is ASCII without controls, so every escape is within a string.
    pairs = zip(written, shown, strict=True)
    return "".join(
        char if char == mark and (has_all or char.isascii()) else _escape(char)
        for char, mark in pairs
    )


def _has_all(encoding: str, text: str) -> bool:
    try:
        # Encoding without an error is not enough: Shift JIS writes a yen sign as a backslash.
        return text.encode(encoding).decode(encoding) == text
    except UnicodeError:
        return False


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def is_unicode(encoding: str | None) -> bool:
    """Return whether an encoding has all of Unicode; None, an unknown one, is taken for UTF-8."""
    name = (encoding or "utf-8").lower().replace("-", "").replace("_", "")
    return name in ("utf8", "utf16", "utf32")


def encodable(text: str, encoding: str) -> str:
    """Replace characters that an encoding lacks by a question mark."""
    return text.encode(encoding, "replace").decode(encoding)
