"""Repair of lone surrogates, which stand for bytes that were not valid text.

It imports nothing, as the prompt needs it before the core is loaded.
"""

REPLACED = "bytes that are not UTF-8 were replaced by “\ufffd”"
"""The notice for the user whose text was changed."""


def valid_text(text: str) -> str:
    """Join surrogate pairs and replace lone surrogates by U+FFFD, so that UTF-8 has the text.

    Returns valid text itself.
    """
    try:
        # The fastest test: of a paste of many megabytes a search takes too long.
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
