"""Colour code line by line."""

from chatrepl.terminal.draw.spans import Span, span

__all__ = ["CodeHighlighter"]


class CodeHighlighter:
    """Colours the lines of one code block, in order."""

    def __init__(self, language: str) -> None:
        self._language = language

    def clone(self) -> "CodeHighlighter":
        """Return an independent copy."""
        return CodeHighlighter(self._language)

    def line(self, text: str) -> list[Span]:
        """Return a line's spans."""
        return [span(text, "code.block")]
