"""Drawing of several answers side by side while they stream, each in its own column."""

import re
from collections.abc import Sequence
from itertools import zip_longest

from chatrepl.core.events import ReasoningDelta, RefusalDelta, TextDelta
from chatrepl.core.text.terminal_safe import safe_line
from chatrepl.terminal.draw.answer_view import AnswerView
from chatrepl.terminal.draw.layout.cell_width import cell_width, clip, graphemes
from chatrepl.terminal.draw.layout.spans import Line, padded, paint, span
from chatrepl.terminal.draw.layout.style import RESET, DrawStyle

MIN_COLUMN_CELLS = 36
"""Narrower columns are hard to read, and hold no code."""

_SEPARATOR_CELLS = 3
_SEQUENCE = r"\x1b\[[0-9;:]*m|\x1b\]8;[^;]*;[^\x1b\x07]*(?:\x1b\\|\x07)"
_SEQUENCES = re.compile(f"({_SEQUENCE})")
_TRAILING_BLANKS = re.compile(rf"(?:\s|{_SEQUENCE})+$")
_LINK = "\x1b]8;"
_LINK_END = "\x1b]8;;\x1b\\"
_TAB_CELLS = 8


def columns_fit(columns: int, width: int) -> bool:
    """Return whether so many columns are wide enough to be read."""
    return _column_cells(columns, width) >= MIN_COLUMN_CELLS


def _column_cells(columns: int, width: int) -> int:
    return max(1, (width - _SEPARATOR_CELLS * (columns - 1)) // max(1, columns))


class AnswerColumns:
    """Answers in columns, with the interface of an ``AnswerView``; pieces carry their column.

    A row is finished once every column has it, or has ended. Rows that only some columns have are
    in the tail, which shows the last ones of each column.
    """

    def __init__(
        self, models: Sequence[str], style: DrawStyle, *, is_markdown: bool, width: int
    ) -> None:
        self._style = style
        self._width = width
        self._cells = _column_cells(len(models), width)
        self._models = models
        self._columns = [
            _Column(AnswerView(style, is_markdown=is_markdown, width=self._cells)) for _ in models
        ]

    @property
    def width(self) -> int:
        """The width of a column, in cells."""
        return self._cells

    @property
    def is_over(self) -> bool:
        """True once every answer has ended."""
        return all(column.is_over for column in self._columns)

    def heading(self, numbers: Sequence[int]) -> list[str]:
        """Draw the head of the columns: numbers and models, and a rule below them."""
        separator = span(self._style.signs(" │ "), "rule")
        line: Line = []
        for number, model in zip(numbers, self._models, strict=True):
            name = clip(f"{number} {self._style.signs('·')} {safe_line(model)}", self._cells)
            line += [separator, *padded([span(name, "title")], self._cells)]
        rule = self._style.signs("─┼─").join([self._style.signs("─") * self._cells] * len(numbers))
        return [paint(line[1:], self._style), paint([span(rule, "rule")], self._style)]

    def feed(self, piece: TextDelta | ReasoningDelta | RefusalDelta, width: int) -> list[str]:
        """Take a further piece; return the rows that it finished."""
        self.resize(width)
        column = self._columns[piece.index]
        if not column.is_over:
            column.add(column.view.feed(piece, self._cells), self._cells)
        return self._finished()

    def end(self, index: int, lines: Sequence[str], width: int) -> list[str]:
        """End one answer, with these lines below it; return the rows that this finished."""
        self.resize(width)
        column = self._columns[index]
        column.add(column.view.finish(self._cells), self._cells)
        column.add(lines, self._cells)
        column.is_over = True
        return self._finished()

    def tail(self, rows: int) -> list[str]:
        """Return at most so many last rows of what is not finished yet."""
        return self._side_by_side([column.tail(rows, self._cells) for column in self._columns])

    def finish(self, width: int) -> list[str]:
        """End all answers; return the remaining rows."""
        lines: list[str] = []
        for index, column in enumerate(self._columns):
            if not column.is_over:
                lines += self.end(index, (), width)
        return [*lines, *self._finished()]

    def resize(self, width: int) -> None:
        """Change the width (in cells) for everything that is not finished."""
        if width == self._width:
            return
        self._width, self._cells = width, _column_cells(len(self._columns), width)
        for column in self._columns:
            column.resize(self._cells)

    def _finished(self) -> list[str]:
        """Take the rows that all columns have; a column that is over lacks none."""
        growing = [len(column.rows) for column in self._columns if not column.is_over]
        count = min(growing) if growing else None
        return self._side_by_side([column.take(count) for column in self._columns])

    def _side_by_side(self, columns: Sequence[Sequence[str]]) -> list[str]:
        return [self._row(parts) for parts in zip_longest(*columns, fillvalue="")]

    def _row(self, parts: Sequence[str]) -> str:
        """Join one row of each column."""
        separator = paint([span(self._style.signs("│"), "rule")], self._style)
        line = f" {separator} ".join(
            part + " " * max(0, self._cells - cell_width(_SEQUENCES.sub("", part)))
            for part in parts
        )
        # A blank at the end of what is coloured stands before the sequence that ends the colour.
        return _TRAILING_BLANKS.sub(lambda match: "".join(match[0].split()), line)


class _Column:
    """One answer, and its rows that wait for other columns."""

    def __init__(self, view: AnswerView) -> None:
        self.view = view
        self.rows: list[str] = []
        self.is_over = False

    def add(self, lines: Sequence[str], cells: int) -> None:
        """Take finished lines; lines too long for the column continue in the next row."""
        for line in lines:
            self.rows += cut_line(line, cells)

    def resize(self, cells: int) -> None:
        """Change the width, also of the rows that wait."""
        self.view.resize(cells)
        rows, self.rows = self.rows, []
        self.add(rows, cells)

    def take(self, count: int | None) -> list[str]:
        """Remove and return the oldest rows, with None all."""
        taken = self.rows[:count]
        del self.rows[:count]
        return taken

    def tail(self, rows: int, cells: int) -> list[str]:
        """Return the last rows, including those that still change."""
        if rows <= 0:
            return []
        open_rows = [] if self.is_over else self.view.tail(rows)
        return [*self.rows, *(row for line in open_rows for row in cut_line(line, cells))][-rows:]


def cut_line(line: str, cells: int) -> list[str]:
    """Split an ANSI line into rows of a width; each row begins and ends its own styles."""
    if cell_width(_SEQUENCES.sub("", line)) <= cells and "\t" not in line:
        return [line]
    rows: list[str] = []
    row, used = "", 0
    styles, link = "", ""
    for index, part in enumerate(_SEQUENCES.split(line)):
        if index % 2:
            row += part
            if part.startswith(_LINK):
                link = "" if part.startswith(_LINK + ";\x1b") else part
            else:
                styles = "" if part == RESET else styles + part
            continue
        for grapheme in graphemes(part):
            text = " " * (_TAB_CELLS - used % _TAB_CELLS) if grapheme == "\t" else grapheme
            size = cell_width(text)
            if used + size > cells and used:
                rows.append(row + (RESET if styles else "") + (_LINK_END if link else ""))
                row, used = link + styles, 0
            if grapheme == "\t":
                # At the beginning of a row a tab need not be wide to set words apart.
                text = text[: max(1, cells - used)]
                size = len(text)
            row += text
            used += size
    return [*rows, row]
