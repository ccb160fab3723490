"""Streams drawn without Markdown: plain text, and the model's reasoning.

They have the interface and the law of ``markdown.stream.MarkdownStream``: however a text is cut
into pieces, the finished lines are the same, and each is final.
"""

import re

from chatrepl.core.text.terminal_safe import TextCleaner
from chatrepl.terminal.draw.layout.cell_width import screen_rows
from chatrepl.terminal.draw.layout.spans import paint, span
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.layout.wrapping import Wrapper

_LINE_ENDS_OR_TEXT = re.compile(r"\n+|[^\n]+")


class PlainStream:
    """Plain text, made safe and not wrapped: the terminal wraps lines that are too long."""

    def __init__(self, *, width: int, style: DrawStyle) -> None:
        self._width = max(1, width)
        self._style = style
        self._cleaner = TextCleaner()
        self._open: list[str] = []

    def feed(self, text: str) -> list[str]:
        """Take any cut of the text; return the lines it finished, without line ends."""
        *lines, rest = self._cleaner.feed(text).split("\n")
        if not lines:
            self._open.append(rest)
            return []
        lines[0] = "".join([*self._open, lines[0]])
        self._open = [rest]
        return [line.rstrip() for line in lines]

    def tail(self, rows: int) -> list[str]:
        """Return the last rows of the open line, as the terminal would wrap it."""
        line = "".join(self._open)
        if not line or rows <= 0:
            return []
        return [row.rstrip() for row in screen_rows(line, self._width)[-rows:]]

    def finish(self) -> list[str]:
        """Return the open line unless it is empty, and reset."""
        line = "".join([*self._open, self._cleaner.finish()])
        self._open = []
        return [line.rstrip()] if line else []

    def resize(self, width: int) -> None:
        """Change the width (in cells) for the open line and those after it."""
        self._width = max(1, width)


class ReasoningStream:
    """The model's reasoning: a label, then dimmed text that is wrapped by words.

    An empty line at its end sets the answer apart. With ``DrawStyle.show_thinking`` off there are
    no finished lines, and the tail is the label alone.
    """

    def __init__(self, *, width: int, style: DrawStyle) -> None:
        self._width = max(1, width)
        self._style = style
        self._start()

    def _start(self) -> None:
        self._cleaner = TextCleaner()
        self._wrapper = Wrapper(self._width, keep_indent=True)
        self._lines: list[str] = []
        self._has_begun = False
        self._line_ends = 0

    def feed(self, text: str) -> list[str]:
        """Take any cut of the reasoning; return the lines it finished."""
        self._take(self._cleaner.feed(text))
        return self._finished()

    def tail(self, rows: int) -> list[str]:
        """Return the last rows of the open line; the label where reasoning is hidden."""
        if not self._has_begun or rows <= 0:
            return []
        if not self._style.show_thinking:
            return [self._label()]
        preview = self._wrapper.clone()
        preview.finish()
        return [paint(line, self._style) for line in preview.lines][-rows:]

    def finish(self) -> list[str]:
        """Return the rest, and reset."""
        self._take(self._cleaner.finish())
        self._wrapper.finish()
        has_begun = self._has_begun and self._style.show_thinking
        lines = [*self._finished(), *([""] if has_begun else [])]
        self._start()
        return lines

    def resize(self, width: int) -> None:
        """Change the width (in cells) for the open line and those after it."""
        self._width = max(1, width)
        self._wrapper.resize(self._width)

    def _take(self, text: str) -> None:
        """Wrap text; drop blank lines at the beginning and the end, reduce others to one."""
        for part in _LINE_ENDS_OR_TEXT.findall(text):
            if part[0] == "\n":
                if self._has_begun and not self._line_ends:
                    self._wrapper.end_line()
                self._line_ends += len(part)
                continue
            if not self._has_begun:
                self._has_begun = True
                self._lines.append(self._label())
            elif self._line_ends > 1:
                self._wrapper.end_line()
            self._line_ends = 0
            self._wrapper.add([span(part, "thinking")])

    def _finished(self) -> list[str]:
        lines = [*self._lines, *(paint(line, self._style) for line in self._wrapper.lines)]
        self._lines = []
        self._wrapper.lines = []
        return lines if self._style.show_thinking else []

    def _label(self) -> str:
        return paint([span(self._style.signs("✻ thinking…"), "thinking.label")], self._style)
