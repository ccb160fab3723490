"""Draw Markdown as it streams.

``MarkdownStream`` takes an answer in pieces and returns terminal lines (ANSI text without line
ends). A returned line is final: it may be printed once, above whatever is live. What is open yet
is drawn by ``tail``. For any way of cutting a text into pieces, at one width, the lines that
``feed`` and ``finish`` return are together the same.

    stream = MarkdownStream(width=80, style=style)
    for piece in answer:
        print(*stream.feed(piece))
        live_region.show(stream.tail(rows=20))
    print(*stream.finish())

The dialect is CommonMark with GitHub's tables, task lists and strike-through, and differs where a
line could else only be drawn after all that follows:

- Lines stay lines: a line end in a paragraph is a line end on the screen.
- An underline makes a heading of a paragraph's only line, up to ``lines.HEAD`` characters long.
- An inline construct reaches at most ``inline_rules.REACH`` characters; so do headings, rows of a
  table's head and link definitions. What is longer is text, shown as written.
- A link definition holds from its line on, and is shown as written.
- A list is loose where its items are written so; its numbers don't share a width.
- HTML is shown as written. ``~~`` strikes through, ``~`` does not. LaTeX is drawn as Unicode.

A code line is one line however long it is, and begins at the left edge also inside a list: copied,
it is what was written.
"""

import re

from chatrepl.core.text.terminal_safe import TextCleaner
from chatrepl.terminal.draw.layout.spans import paint, span_rows
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.markdown.blocks import BlockMachine
from chatrepl.terminal.draw.markdown.inline_syntax import REACH
from chatrepl.terminal.draw.markdown.line_syntax import HEAD

__all__ = ["MarkdownStream"]

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
        self._machine = BlockMachine(self._style, self._width)
        self._partial: list[str] = []
        self._partial_chars = 0
        self._is_begun = False
        """The line that is coming has been handed on as far as it came."""

    def feed(self, text: str) -> list[str]:
        """Take any cut of the text; return the lines it finished, without line ends."""
        self._take(self._cleaner.feed(text))
        return self._finished()

    def tail(self, rows: int) -> list[str]:
        """Return the last rows of what is not finished, each at most the width wide.

        Emphasis, code and links that are open are drawn as if they ended here. There are colours
        and attributes in a row, never a link (OSC 8).
        """
        if rows <= 0:
            return []
        preview = self._machine.clone()
        partial = _end_of("".join(self._partial), self._width, rows)
        if partial and not _may_become_structure(partial):
            preview.line(partial)
        preview.preview(rows)
        shown = [row for line in preview.lines[-rows:] for row in span_rows(line, self._width)]
        return [paint(row, self._style, with_links=False) for row in shown[-rows:]]

    def finish(self) -> list[str]:
        """Return the rest, and start anew."""
        self._take(self._cleaner.finish())
        if self._partial:
            self._machine.line("".join(self._partial))
        self._machine.finish()
        lines = self._finished()
        self._start()
        return lines

    def resize(self, width: int) -> None:
        """Draw what is not finished at another width (in cells) from here on."""
        self._width = max(1, width)
        self._machine.resize(self._width)

    def _take(self, text: str) -> None:
        *whole, rest = text.split("\n")
        for line in whole:
            self._end_line(line)
        if self._is_begun:
            if rest:
                self._machine.extend(rest)
        elif rest:
            self._partial.append(rest)
            self._partial_chars += len(rest)
            self._begin_line()

    def _end_line(self, rest: str) -> None:
        if self._is_begun:
            self._machine.extend(rest)
            self._is_begun = False
            return
        self._machine.line("".join([*self._partial, rest]))
        self._partial, self._partial_chars = [], 0

    def _begin_line(self) -> None:
        """Hand a long line on before its end has come, if it is text whatever its end is."""
        if HEAD < self._partial_chars <= HEAD + 2 * REACH + len(self._partial[-1]):
            self._is_begun = self._machine.begin("".join(self._partial))
            if self._is_begun:
                self._partial, self._partial_chars = [], 0

    def _finished(self) -> list[str]:
        lines, self._machine.lines = self._machine.lines, []
        return [paint(line, self._style) for line in lines]


def _end_of(partial: str, width: int, rows: int) -> str:
    """Leave out what a long line has above the rows that are shown, but for its indentation."""
    room = 2 * width * rows + HEAD
    surplus = (len(partial) - room) // width * width
    if surplus <= 0:
        return partial
    indent = len(partial) - len(partial.lstrip(" "))
    return partial[: min(indent, HEAD)] + partial[surplus:]


def _may_become_structure(partial: str) -> bool:
    """Tell whether a line that is coming may turn out as a mark, which would make text vanish."""
    return bool(_STRUCTURE.fullmatch(partial))
