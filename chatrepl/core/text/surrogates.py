"""Text that servers can take."""

import re

from chatrepl.core.events import Level, Notice

__all__ = ["valid_text", "whole_text"]


def valid_text(text: str) -> tuple[str, Notice | None]:
    """Replace what no server can take (lone surrogates), and tell."""
    try:
        # The quickest look: of a paste of many megabytes each character by itself takes too long.
        text.encode()
    except UnicodeEncodeError:
        pass
    else:
        return text, None
    content = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return content, Notice("bytes that are not UTF-8 were replaced by “\ufffd”", Level.WARNING)


_HALVES = re.compile("[\ud800-\udfff]")
_PAIRS = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def whole_text(text: str) -> str:
    """Join the halves of surrogate pairs; one that stays alone becomes U+FFFD."""
    if not _HALVES.search(text):
        return text
    return _HALVES.sub("\ufffd", _PAIRS.sub(_join_halves, text))


def _join_halves(match: re.Match[str]) -> str:
    return match.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le")
