"""Leaf blocks: paragraphs, tables, code, HTML, formulas.

Each takes source lines and returns drawn lines as they become final, without what stands left of
them.
"""

import re
from collections.abc import Mapping
from copy import copy

from chatrepl.terminal.draw.layout.spans import Line, Span, span, styled
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.layout.wrapping import Wrapper, wrapped
from chatrepl.terminal.draw.markdown.highlighting import CodeHighlighter
from chatrepl.terminal.draw.markdown.inline import InlineScanner, inline_spans
from chatrepl.terminal.draw.markdown.line_syntax import (
    LINE_START_CHARS,
    Fence,
    may_be_row,
    row_cells,
)
from chatrepl.terminal.draw.markdown.links import LinkTarget
from chatrepl.terminal.draw.markdown.math import math_spans
from chatrepl.terminal.draw.markdown.tables import Align, TableLayout

_MAX_FORMULA_CHARS = 1000
_MIN_ROWS_BELOW_HEAD = 3


class Leaf:
    """A block that contains text; ``width`` is the room for its lines, in cells."""

    is_indented = True
    """Its lines stand behind the indentation of the list items around it."""
    is_over = False
    """The block has ended with the last line; its lines are all final."""

    def __init__(self, width: int) -> None:
        self._width = width

    def clone(self) -> "Leaf":
        """Return an independent copy."""
        # Paragraphs and code, which are cloned for every tail, do without ``copy``: it reads the
        # original's ``__dict__``, and that makes its attributes slower from then on.
        return copy(self)

    def add(self, text: str) -> list[Line]:
        """Take a source line; return the drawn lines that are final now."""
        raise NotImplementedError

    def finish(self) -> list[Line]:
        """End the block; return the remaining lines."""
        return []

    def preview(self, rows: int) -> list[Line]:  # noqa: ARG002
        """Return the remaining lines as they will most likely be, at least the last ``rows``."""
        return self.finish()

    def resize(self, width: int) -> None:
        """Change the width for lines that are not final."""
        self._width = width


class Paragraph(Leaf):
    """Text, line by line as it was written.

    A line that the next may turn into a heading or a table's head is held until that is known: the
    first, up to ``LINE_START_CHARS``, and any that may be a row.
    """

    def __init__(self, style: DrawStyle, references: Mapping[str, LinkTarget], width: int) -> None:
        super().__init__(width)
        self._style = style
        self._scanner = InlineScanner(style, references)
        self._wrapper = Wrapper(width)
        self.held: str | None = None
        """The line whose kind the next line decides."""
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
        self._release()
        if may_be_row(text) or (self.is_first and len(text) <= LINE_START_CHARS):
            self.held = text
        else:
            self._take(text)
        return self._finished()

    def begin(self, text: str) -> list[Line]:
        """Take the beginning of a long line; ``extend`` takes the rest."""
        self._release()
        self._take(text)
        return self._finished()

    def extend(self, text: str) -> list[Line]:
        """Take more of the line that was begun."""
        self._wrapper.add(self._scanner.feed(text))
        return self._finished()

    def _release(self) -> None:
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
        """End the paragraph; return the remaining lines."""
        self._release()
        self._wrapper.add(self._scanner.finish())
        self._wrapper.finish()
        return self._finished()

    def preview(self, rows: int) -> list[Line]:  # noqa: ARG002
        """Return the remaining lines with open emphasis closed; a row as the table it begins."""
        table: list[Line] = []
        if self.held is not None and self.held.startswith("|"):
            cells = [inline_spans(cell, self._style) for cell in row_cells(self.held)]
            table = TableLayout(cells, ["left"] * len(cells), self._style).lines(self._width)
            self.held = None
        self._release()
        self._wrapper.add(self._scanner.preview())
        self._wrapper.finish()
        return [*self._finished(), *table]

    def resize(self, width: int) -> None:
        """Change the width for lines that are not final."""
        super().resize(width)
        self._wrapper.resize(width)


class TableRows(Leaf):
    """A table; none of its lines is final before its end, since every row may widen a column."""

    def __init__(self, style: DrawStyle, head: str, aligns: list[Align], width: int) -> None:
        super().__init__(width)
        self._style = style
        self._columns = len(aligns)
        cells = [inline_spans(cell, style) for cell in row_cells(head)]
        self._layout = TableLayout(cells, aligns, style)

    def clone(self) -> "TableRows":
        """Return a copy that may get rows of its own."""
        twin = copy(self)
        twin._layout = self._layout.clone()
        return twin

    def add(self, text: str) -> list[Line]:
        """Take a row; cells beyond the head's are joined to its last column."""
        cells = row_cells(text)
        last = self._columns - 1
        if len(cells) > self._columns:
            cells[last:] = [" | ".join(cells[last:])]
        self._layout.add([inline_spans(cell, self._style) for cell in cells])
        return []

    def finish(self) -> list[Line]:
        """Return the table."""
        return self._layout.lines(self._width)

    def preview(self, rows: int) -> list[Line]:
        """Return the table as it is now, or its head and its last rows."""
        lines = self._layout.lines(self._width, last=rows)
        head = self._layout.head_lines(self._width) if len(lines) > rows else []
        if not head or rows - len(head) < _MIN_ROWS_BELOW_HEAD:
            return lines
        return [*head, *lines[len(head) - rows :]]


class Code(Leaf):
    """A code block, each line final at its end; ``fence`` is None for indented code.

    Code is neither wrapped nor indented, so that it is copied as it was written.
    """

    is_indented = False

    def __init__(self, style: DrawStyle, fence: Fence | None, width: int) -> None:
        super().__init__(width)
        self.fence = fence
        self._style = style
        self._highlighter = CodeHighlighter((fence.info.split() or [""])[0] if fence else "")
        self._blank_lines: list[str] = []

    def clone(self) -> "Code":
        """Return an independent copy."""
        twin = Code(self._style, None, self._width)
        twin.fence, twin._highlighter = self.fence, self._highlighter.clone()
        twin._blank_lines = list(self._blank_lines)
        return twin

    def add(self, text: str) -> list[Line]:
        """Take a line; in indented code blank lines count only if code follows."""
        if self.fence is None and not text.strip():
            self._blank_lines.append(text)
            return []
        lines = [*self._blank_lines, text]
        self._blank_lines = []
        return [self._highlighter.line(line) for line in lines]

    def opening(self) -> Line:
        """Return the line above the code, with its info string."""
        info = f" {self.fence.info}" if self.fence and self.fence.info else ""
        return [self._edge(), span(info, "code.label")]

    def finish(self) -> list[Line]:
        """Return the line below the code."""
        return [[self._edge()]]

    def _edge(self) -> Span:
        return span(self._style.signs("──"), "bar")

    def preview(self, rows: int) -> list[Line]:  # noqa: ARG002
        """Return nothing: all lines are final, and more are likely to come."""
        return []


class Html(Leaf):
    """An HTML block, shown as written; ``ending`` is the pattern that ends it, or empty."""

    def __init__(self, ending: str, width: int) -> None:
        super().__init__(width)
        self.ending = ending

    def add(self, text: str) -> list[Line]:
        """Take a line."""
        self.is_over = bool(self.ending and re.search(self.ending, text, re.IGNORECASE))
        return wrapped([span(text)], self._width, keep_indent=True) or [[]]


class Formula(Leaf):
    """LaTeX on lines of its own, drawn once its end has come; as written if none comes."""

    def __init__(self, opening: str, width: int) -> None:
        super().__init__(width)
        self._ending = "$$" if opening == "$$" else "\\]"
        self._source = [opening]

    def clone(self) -> "Formula":
        """Return an independent copy."""
        twin = copy(self)
        twin._source = list(self._source)
        return twin

    def add(self, text: str) -> list[Line]:
        """Take a line; return the formula if it ends here, or all lines if it is too long."""
        self._source.append(text)
        if text.rstrip().endswith(self._ending):
            self.is_over = True
            return self._drawn()
        self.is_over = sum(len(line) + 1 for line in self._source) > _MAX_FORMULA_CHARS
        return self.finish() if self.is_over else []

    def _drawn(self) -> list[Line]:
        source = "\n".join(self._source)
        spans = math_spans("\n".join(self._source[1:-1]), source)
        if spans[0][0] == source:
            return self.finish()
        lines = wrapped(spans, self._width - 2) or [[]]
        return [[span("  "), *line] for line in lines]

    def finish(self) -> list[Line]:
        """Return the lines as written."""
        return [
            row
            for line in self._source
            for row in wrapped([span(line, "math")], self._width, keep_indent=True) or [[]]
        ]


def heading_lines(level: int, text: str, width: int, style: DrawStyle) -> list[Line]:
    """Draw a heading; without colours its marks stay, as nothing else sets it apart."""
    spans = styled(inline_spans(text, style), f"heading{min(level, 4)}")
    if not style.has_colors:
        spans.insert(0, span("#" * level + " "))
    return wrapped(spans, width) or [[]]
