"""Makes any text fit for a page or a file that people open, or a terminal shows."""

from chatrepl.core.text.terminal_safe import safe_text

__all__ = ["one_line", "visible"]


def visible(text: str) -> str:
    """Mark what could act or hide; lines end in line feeds. UTF-8 can hold the result."""
    return safe_text(text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return the same on one line, for headings."""
    return " ".join(visible(text).split())
