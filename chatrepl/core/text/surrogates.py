"""Text that servers can take."""

from chatrepl.core.events import Level, Notice

__all__ = ["valid_text"]


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
