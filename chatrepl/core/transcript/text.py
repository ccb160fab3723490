"""Makes any text fit to be shown: what has no shape of its own gets one."""

import re
import unicodedata

__all__ = ["one_line", "visible"]

_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_PICTURES = 0x2400
_DELETE = 0x7F


def visible(text: str) -> str:
    """Replace control characters by their pictures, and what UTF-8 cannot hold by U+FFFD.

    Line feeds, carriage returns and tabs stay. A saved page or text is often shown by a terminal,
    which would obey an escape sequence.
    """
    return _HIDDEN.sub(_picture, text)


def one_line(text: str) -> str:
    """Return a text on one line without direction marks, for headings."""
    shown = "".join(
        character for character in visible(text) if unicodedata.category(character) != "Cf"
    )
    return " ".join(shown.split())


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < ord(" "):
        return chr(_PICTURES + code)
    return "␡" if code == _DELETE else "\ufffd"
