"""The blocks that hold text: paragraphs, tables, code, formulas.

Each takes source lines and gives drawn lines as they become final, without what stands left of
them. ``finish`` gives the rest; ``clone`` an independent copy, whose ``preview`` draws the rest as
it will most likely be.
"""

from collections.abc import Mapping

from chatrepl.terminal.draw.layout.spans import Span, span
from chatrepl.terminal.draw.layout.style import ColorDepth, DrawStyle
from chatrepl.terminal.draw.layout.wrapping import Wrapper
from chatrepl.terminal.draw.markdown.highlighting import CodeHighlighter
from chatrepl.terminal.draw.markdown.inline import InlineScanner, inline_spans
from chatrepl.terminal.draw.markdown.line_syntax import HEAD, Fence, may_be_row, row_cells
from chatrepl.terminal.draw.markdown.links import LinkTarget
from chatrepl.terminal.draw.markdown.math import math_spans
from chatrepl.terminal.draw.markdown.tables import Align, TableLayout, wrapped_spans

__all__ = ["Code", "Formula", "Html", "Leaf", "Line", "Paragraph", "TableRows", "heading_lines"]

Line = list[Span]

_LONGEST_FORMULA = 1000
_FEWEST_BELOW_HEAD = 3


class Paragraph:
    """Text, line by line as it was written.

    A line that the next may make a heading or a table's head is held until that is known: the
    first, up to ``HEAD`` characters, and any that may be a row.
    """

    def __init__(self, style: DrawStyle, references: Mapping[str, LinkTarget], width: int) -> None:
        self._style = style
        self._scanner = InlineScanner(style, references)
        self._wrapper = Wrapper(width)
        self._width = width
        self.held: str | None = None
        self.is_first = True
        """No line before the held one."""

    def clone(self) -> "Paragraph":
        """Return an independent copy."""
        twin = Paragraph(self._style, {}, self._width)
        twin._scanner, twin._wrapper = self._scanner.clone(), self._wrapper.clone()
        twin._wrapper.lines = []
        twin.held, twin.is_first = self.held, self.is_first
        return twin

    def add(self, text: str) -> list[Line]:
        """Take a whole line."""
        self.release()
        if may_be_row(text) or (self.is_first and len(text) <= HEAD):
            self.held = text
        else:
            self._take(text)
        return self._finished()

    def begin(self, text: str) -> list[Line]:
        """Take the beginning of a long line, which ``extend`` goes on with."""
        self.release()
        self._take(text)
        return self._finished()

    def extend(self, text: str) -> list[Line]:
        """Take more of the line that was begun."""
        self._wrapper.add(self._scanner.feed(text))
        return self._finished()

    def release(self) -> None:
        """Take the held line as text."""
        if self.held is not None:
            held, self.held = self.held, None
            self._take(held)

    def _take(self, text: str) -> None:
        self._wrapper.add(self._scanner.feed(text if self.is_first else f"\n{text}"))
        self.is_first = False

    def _finished(self) -> list[Line]:
        lines, self._wrapper.lines = self._wrapper.lines, []
        return lines

    def finish(self) -> list[Line]:
        """Return the rest."""
        self.release()
        self._wrapper.add(self._scanner.finish())
        self._wrapper.finish()
        return self._finished()

    def preview(self, rows: int) -> list[Line]:  # noqa: ARG002
        """Return the rest, what is open in it closed; a row is shown as the table it begins."""
        head = self.held if self.held is not None and self.held.startswith("|") else None
        if head is not None:
            self.held = None
        else:
            self.release()
        self._wrapper.add(self._scanner.preview())
        self._wrapper.finish()
        table = _head_lines(head, self._width, self._style) if head is not None else []
        return [*self._finished(), *table]

    def resize(self, width: int) -> None:
        """Fill what is not finished to another width."""
        self._width = width
        self._wrapper.resize(width)


def _head_lines(row: str, width: int, style: DrawStyle) -> list[Line]:
    cells = [inline_spans(cell, style) for cell in row_cells(row)]
    return TableLayout(cells, ["left"] * len(cells)).lines(width, style)


class TableRows:
    """A table; nothing of it is final before its end, because every row may widen a column."""

    def __init__(self, style: DrawStyle, head: str, aligns: list[Align], width: int) -> None:
        self._style = style
        self._width = width
        self._columns = len(aligns)
        self._layout = TableLayout([inline_spans(cell, style) for cell in row_cells(head)], aligns)

    def clone(self) -> "TableRows":
        """Return a copy that may get rows of its own."""
        twin = TableRows(self._style, "", [], self._width)
        twin._columns, twin._layout = self._columns, self._layout.clone()
        return twin

    def add(self, text: str) -> list[Line]:
        """Take a row; cells beyond the head's are kept in its last column."""
        cells = row_cells(text)
        last = self._columns - 1
        if len(cells) > self._columns:
            cells[last:] = [" | ".join(cells[last:])]
        self._layout.add([inline_spans(cell, self._style) for cell in cells])
        return []

    def finish(self) -> list[Line]:
        """Return the table."""
        return self._layout.lines(self._width, self._style)

    def preview(self, rows: int) -> list[Line]:
        """Return the table as it is now, or its head and its last rows."""
        lines = self._layout.lines(self._width, self._style, last=rows)
        head = self._layout.head_lines(self._width, self._style) if len(lines) > rows else []
        if not head or rows - len(head) < _FEWEST_BELOW_HEAD:
            return lines
        return [*head, *lines[len(head) - rows :]]

    def resize(self, width: int) -> None:
        """Lay the table out to another width."""
        self._width = width


class Code:
    """A block of code, each line final when it is whole; ``fence`` is None for indented code."""

    def __init__(self, style: DrawStyle, fence: Fence | None) -> None:
        self.fence = fence
        self._style = style
        self._highlighter = CodeHighlighter((fence.info.split() or [""])[0] if fence else "")
        self._blank_lines: list[str] = []

    def clone(self) -> "Code":
        """Return an independent copy."""
        twin = Code(self._style, None)
        twin.fence, twin._highlighter = self.fence, self._highlighter.clone()
        twin._blank_lines = list(self._blank_lines)
        return twin

    def add(self, text: str) -> list[Line]:
        """Take a line; in indented code blank ones count only if code follows."""
        if self.fence is None and not text.strip():
            self._blank_lines.append(text)
            return []
        lines = [*self._blank_lines, text]
        self._blank_lines = []
        return [self._highlighter.line(line) for line in lines]

    def opening(self) -> Line:
        """Return the line above the code: what it is said to be."""
        info = f" {self.fence.info}" if self.fence and self.fence.info else ""
        return [self._edge(), span(info, "code.label")]

    def finish(self) -> list[Line]:
        """Return the line below the code."""
        return [[self._edge()]]

    def _edge(self) -> Span:
        return span("──" if self._style.unicode else "--", "bar")

    def preview(self, rows: int) -> list[Line]:  # noqa: ARG002
        """Return nothing: all lines are final."""
        return []

    def resize(self, width: int) -> None:
        """Do nothing: code is never filled."""


class Html:
    """A block of HTML, shown as written; ``ending`` is the pattern that ends it, if not a blank."""

    def __init__(self, ending: str, width: int) -> None:
        self.ending = ending
        self._width = width

    def clone(self) -> "Html":
        """Return an independent copy."""
        return Html(self.ending, self._width)

    def add(self, text: str) -> list[Line]:
        """Take a line."""
        wrapper = Wrapper(self._width, keep_indent=True)
        wrapper.add([span(text)])
        wrapper.finish()
        return wrapper.lines or [[]]

    def finish(self) -> list[Line]:
        """Return nothing: all lines are final."""
        return []

    def preview(self, rows: int) -> list[Line]:  # noqa: ARG002
        """Return nothing: all lines are final."""
        return []

    def resize(self, width: int) -> None:
        """Fill lines to another width from here on."""
        self._width = width


class Formula:
    """LaTeX on lines of its own; it is drawn when its end has come, or as written if none comes."""

    def __init__(self, opening: str, width: int) -> None:
        self.ending = "$$" if opening == "$$" else "\\]"
        self._source = [opening]
        self._width = width

    def clone(self) -> "Formula":
        """Return an independent copy."""
        twin = Formula("", self._width)
        twin.ending, twin._source = self.ending, list(self._source)
        return twin

    def add(self, text: str) -> list[Line]:
        """Take a line."""
        self._source.append(text)
        return []

    @property
    def is_too_long(self) -> bool:
        """Say whether this can no longer be a formula."""
        return sum(len(line) + 1 for line in self._source) > _LONGEST_FORMULA

    def drawn(self) -> list[Line]:
        """Return the formula, its end being the last line."""
        source = "\n".join(self._source)
        spans = math_spans("\n".join(self._source[1:-1]), source)
        if spans[0][0] == source:
            return self.finish()
        return [[span("  "), *line] for line in wrapped_spans(spans, max(1, self._width - 2))]

    def finish(self) -> list[Line]:
        """Return the lines as written."""
        lines = []
        for line in self._source:
            wrapper = Wrapper(self._width, keep_indent=True)
            wrapper.add([span(line, "math")])
            wrapper.finish()
            lines += wrapper.lines or [[]]
        return lines

    def preview(self, rows: int) -> list[Line]:  # noqa: ARG002
        """Return the lines as written."""
        return self.finish()

    def resize(self, width: int) -> None:
        """Fill lines to another width."""
        self._width = width


Leaf = Paragraph | TableRows | Code | Html | Formula


def heading_lines(level: int, text: str, width: int, style: DrawStyle) -> list[Line]:
    """Draw a heading; its marks stay where nothing else would tell it from text."""
    name = f"heading{min(level, 4)}"
    spans = [(part, (name, *names), url) for part, names, url in inline_spans(text, style)]
    if style.colors is ColorDepth.NONE:
        spans.insert(0, span("#" * level + " "))
    return wrapped_spans(spans, width)
