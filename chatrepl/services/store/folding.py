"""What counts as the same text in a search."""

import re
import unicodedata

__all__ = ["fold"]

# The trigram tokenizer stops at NUL, and UTF-8 has no lone surrogates.
_UNINDEXABLE = re.compile("[\x00\ud800-\udfff]")


def fold(text: str) -> str:
    """Make texts equal that readers take for the same: case, composed accents, full-width forms.

    Unicode's compatibility case folding (NFKC, then case folding, then NFKC again). Lone
    surrogates and NUL become U+FFFD.
    """
    if text.isascii():
        return text.lower().replace("\x00", "\ufffd")
    clean = _UNINDEXABLE.sub("\ufffd", text)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", clean).casefold())
