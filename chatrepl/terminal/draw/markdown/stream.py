"""Streaming of Markdown to terminal lines.

``MarkdownStream`` takes an answer in pieces and returns terminal lines (ANSI text without line
ends). A returned line is final: it may be printed once, above whatever is live. ``tail`` draws what
is still open. However a text is cut into pieces, at one width, the lines that ``feed`` and
``finish`` return are together the same.

    stream = MarkdownStream(width=80, style=style)
    for piece in answer:
        print(*stream.feed(piece))
        live_region.show(stream.tail(rows=20))
    print(*stream.finish())

The dialect is CommonMark with GitHub's tables, task lists and strike-through. It differs where a
line could otherwise be drawn only after everything that follows:

- Lines stay lines: a line end in a paragraph is a line end on the screen.
- An underline makes a heading of a paragraph's only line, up to ``LINE_START_CHARS`` long.
- Inline constructs are at most ``LOOKAHEAD_CHARS`` long; so are headings, rows of a table's head
  and link definitions. Longer ones are text, shown as written.
- A link definition holds from its line on, and is shown as written.
- A list is loose where its items are written so; its numbers do not share a width.
- HTML is shown as written. ``~~`` strikes through, ``~`` does not. LaTeX is drawn as Unicode.

A code line is one line however long it is, and begins at the left edge also inside a list: copied,
it is what was written.
"""

import re

from chatrepl.core.text.terminal_safe import TextCleaner
from chatrepl.terminal.draw.layout.spans import paint, span_rows
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.markdown.blocks import BlockRenderer
from chatrepl.terminal.draw.markdown.inline_syntax import LOOKAHEAD_CHARS
from chatrepl.terminal.draw.markdown.line_syntax import LINE_START_CHARS

# A line of marks alone, or of their beginnings.
_STRUCTURE = re.compile(
    r"[ \t>]*(?:[-+*]|[0-9]{1,9}[.)]?)?[ \t]*"
    r"(?:#{1,6}|`{1,2}|`{3,}[^`]*|~{1,2}|~{3,}.*|[-*_=|: \t]+|\[[ xX]?\]?|<[A-Za-z/!]?|\$\$?"
    r"|\\\[?)?[ \t]*"
)


class MarkdownStream:
    """An answer's Markdown, drawn as it comes; ``width`` is the terminal's, in cells."""

    def __init__(self, *, width: int, style: DrawStyle) -> None:
        self._width = max(1, width)
        self._style = style
        self._start()

    def _start(self) -> None:
        self._cleaner = TextCleaner()
        self._blocks = BlockRenderer(self._style, self._width)
        self._partial: list[str] = []
        self._partial_chars = 0
        self._is_begun = False
        """The current line has been drawn as far as it came."""

    def feed(self, text: str) -> list[str]:
        """Take any cut of the text; return the lines it finished, without line ends."""
        self._take(self._cleaner.feed(text))
        return self._finished()

    def tail(self, rows: int) -> list[str]:
        """Return at most so many last rows of what is not finished, none wider than the width.

        Open emphasis, code and links are drawn as if they ended here. Rows have colours and
        attributes, never links (OSC 8).
        """
        if rows <= 0:
            return []
        preview = self._blocks.clone()
        partial = _end_of("".join(self._partial), self._width, rows)
        if partial and not _may_become_structure(partial):
            preview.line(partial)
        preview.preview(rows)
        shown = [row for line in preview.lines[-rows:] for row in span_rows(line, self._width)]
        return [paint(row, self._style, with_links=False) for row in shown[-rows:]]

    def finish(self) -> list[str]:
        """Return the remaining lines, and reset."""
        self._take(self._cleaner.finish())
        if self._partial:
            self._blocks.line("".join(self._partial))
        self._blocks.finish()
        lines = self._finished()
        self._start()
        return lines

    def resize(self, width: int) -> None:
        """Change the width (in cells) for everything that is not finished."""
        self._width = max(1, width)
        self._blocks.resize(self._width)

    def _take(self, text: str) -> None:
        *whole, rest = text.split("\n")
        for line in whole:
            self._end_line(line)
        if self._is_begun:
            if rest:
                self._blocks.extend(rest)
        elif rest:
            self._partial.append(rest)
            self._partial_chars += len(rest)
            self._begin_line()

    def _end_line(self, rest: str) -> None:
        if self._is_begun:
            self._blocks.extend(rest)
            self._is_begun = False
            return
        self._blocks.line("".join([*self._partial, rest]))
        self._partial, self._partial_chars = [], 0

    def _begin_line(self) -> None:
        """Draw a long line before its end has come, if the end cannot change that it is text.

        Tried only up to a length at which every line of text is recognised: trying again at each
        piece of a long line of code would cost the square of its length.
        """
        longest = LINE_START_CHARS + 2 * LOOKAHEAD_CHARS + len(self._partial[-1])
        if LINE_START_CHARS < self._partial_chars <= longest:
            self._is_begun = self._blocks.begin("".join(self._partial))
            if self._is_begun:
                self._partial, self._partial_chars = [], 0

    def _finished(self) -> list[str]:
        lines, self._blocks.lines = self._blocks.lines, []
        return [paint(line, self._style) for line in lines]


def _end_of(partial: str, width: int, rows: int) -> str:
    """Drop what a long line has above the rows that are shown, except its indentation."""
    room = 2 * width * rows + LINE_START_CHARS
    surplus = (len(partial) - room) // width * width
    if surplus <= 0:
        return partial
    indent = len(partial) - len(partial.lstrip(" "))
    return partial[: min(indent, LINE_START_CHARS)] + partial[surplus:]


def _may_become_structure(partial: str) -> bool:
    """Return whether a partial line may become a mark; shown as text it would flicker."""
    return bool(_STRUCTURE.fullmatch(partial))
