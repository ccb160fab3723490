"""Text that JSON can name and nothing can hold: halves of surrogate pairs."""

import re

__all__ = ["whole_text"]

_HALVES = re.compile("[\ud800-\udfff]")
_PAIRS = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def whole_text(text: str) -> str:
    """Join the halves of surrogate pairs; one that stays alone becomes U+FFFD."""
    if not _HALVES.search(text):
        return text
    return _HALVES.sub("\ufffd", _PAIRS.sub(_join_halves, text))


def _join_halves(match: re.Match[str]) -> str:
    return match.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le")
