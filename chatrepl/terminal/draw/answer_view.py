"""Drawing of one answer: the same lines whether it streams or is shown again as a whole."""

from chatrepl.core.conversation.outcomes import REFUSES
from chatrepl.core.events import ReasoningDelta, RefusalDelta, TextDelta
from chatrepl.terminal.draw.layout.cell_width import clip
from chatrepl.terminal.draw.layout.spans import paint, span
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.markdown.stream import MarkdownStream
from chatrepl.terminal.draw.plain_text import PlainStream, ReasoningStream
from chatrepl.terminal.draw.thinking import Part, ThinkSplitter


class AnswerView:
    """A growing answer: reasoning, then text; finished lines, and an open tail."""

    def __init__(self, style: DrawStyle, *, is_markdown: bool, width: int) -> None:
        self._splitter = ThinkSplitter()
        self._reasoning = ReasoningStream(width=width, style=style)
        stream = MarkdownStream if is_markdown else PlainStream
        self._text: PlainStream | MarkdownStream = stream(width=width, style=style)
        self._style = style
        self._width = width
        self._has_text = False
        self._is_refusing = False
        self._is_thinking = False

    def feed(self, piece: TextDelta | ReasoningDelta | RefusalDelta, width: int) -> list[str]:
        """Take a further piece; return the lines that it finished."""
        self.resize(width)
        if isinstance(piece, ReasoningDelta):
            return self._take("reasoning", piece.text)
        if isinstance(piece, RefusalDelta):
            return [*self._begin_refusal(), *self._take("text", piece.text)]
        return [
            line
            for part, text in self._splitter.feed(piece.text)
            for line in self._take(part, text)
        ]

    def _begin_refusal(self) -> list[str]:
        """Return the heading of a refusal before its first piece, nothing before others."""
        if self._is_refusing:
            return []
        has_text = self._has_text
        lines = [*self.finish(self._width), *([""] if has_text else [])]
        self._is_refusing = True
        heading = clip(f"{self._style.signs('✗')} {REFUSES}", self._width)
        return [*lines, paint([span(heading, "refusal")], self._style)]

    def tail(self, rows: int) -> list[str]:
        """Return at most so many last rows of what is not finished yet."""
        return self._reasoning.tail(rows) if self._is_thinking else self._text.tail(rows)

    def finish(self, width: int) -> list[str]:
        """End the answer; return the remaining lines."""
        self.resize(width)
        lines = [line for part, text in self._splitter.finish() for line in self._take(part, text)]
        self._has_text = self._is_refusing = False
        return [*lines, *self._reasoning.finish(), *self._text.finish()]

    def resize(self, width: int) -> None:
        """Change the width (in cells) for everything that is not finished."""
        if width != self._width:
            self._width = width
            self._reasoning.resize(width)
            self._text.resize(width)

    def _take(self, part: Part, text: str) -> list[str]:
        if part == "reasoning":
            self._is_thinking = True
            return self._reasoning.feed(text)
        ended = self._reasoning.finish() if self._is_thinking else []
        self._is_thinking = False
        self._has_text = self._has_text or bool(text.strip())
        return [*ended, *self._text.feed(text)]
