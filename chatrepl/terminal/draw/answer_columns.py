"""Draw several answers side by side, each in a column of its own, while they come."""

import re
from collections.abc import Iterator, Sequence

from chatrepl.core.events import ReasoningDelta, RefusalDelta, TextDelta
from chatrepl.core.text.terminal_safe import safe_line
from chatrepl.terminal.draw.answer_view import AnswerView
from chatrepl.terminal.draw.layout.cell_width import cell_width, clip, graphemes
from chatrepl.terminal.draw.layout.spans import Span, fitted, paint, span
from chatrepl.terminal.draw.layout.style import RESET, DrawStyle

__all__ = ["BesideView", "can_show_beside", "cut_line"]

LEAST_COLUMN = 36
"""Cells; what is narrower is hard to read, and holds no code."""

_SEAM = 3
_ESCAPE = re.compile(r"\x1b\[[0-9;:]*m|\x1b\]8;[^;]*;[^\x1b\x07]*(?:\x1b\\|\x07)")
_END = re.compile(rf"(?:\s|{_ESCAPE.pattern})+$")
_LINK = "\x1b]8;"
_LINK_END = "\x1b]8;;\x1b\\"
_TAB_CELLS = 8


def can_show_beside(columns: int, width: int) -> bool:
    """Say whether so many columns are wide enough to be read."""
    return _column_cells(columns, width) >= LEAST_COLUMN


def _column_cells(columns: int, width: int) -> int:
    return max(1, (width - _SEAM * (columns - 1)) // max(1, columns))


class BesideView:
    """Answers in columns, with the interface of an ``AnswerView``; pieces tell theirs by index.

    A row is finished as soon as all columns have it; rows that only some have are in the tail,
    the last ones of each column.
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
        """Say whether every answer has ended."""
        return all(column.is_over for column in self._columns)

    def heading(self, numbers: Sequence[int]) -> list[str]:
        """Draw what stands above the columns: numbers and models, and a rule."""
        dot, rule, crossing = ("·", "─", "─┼─") if self._style.unicode else ("-", "-", "-+-")
        names = [
            [span(clip(f"{number} {dot} {safe_line(model)}", self._cells), "title")]
            for number, model in zip(numbers, self._models, strict=True)
        ]
        line = crossing.join(rule * self._cells for _ in names)
        return [self._joined(names), paint([span(line, "rule")], self._style)]

    def feed(self, piece: TextDelta | ReasoningDelta | RefusalDelta, width: int) -> list[str]:
        """Take a further piece; return the rows that are finished by it."""
        self.resize(width)
        column = self._columns[piece.index]
        if not column.is_over:
            column.add(column.view.feed(piece, self._cells), self._cells)
        return self._ripe()

    def end(self, index: int, lines: Sequence[str], width: int) -> list[str]:
        """End one answer, with these lines below it; return the rows that are finished by it."""
        self.resize(width)
        column = self._columns[index]
        column.add(column.view.finish(self._cells), self._cells)
        column.add(lines, self._cells)
        column.is_over = True
        return self._ripe()

    def tail(self, rows: int) -> list[str]:
        """Return the last rows of what is not finished yet."""
        shown = [column.tail(rows, self._cells) for column in self._columns]
        return [self._row(parts) for parts in _side_by_side(shown, max(map(len, shown)))]

    def finish(self, width: int) -> list[str]:
        """Return the rest."""
        lines: list[str] = []
        for index, column in enumerate(self._columns):
            if not column.is_over:
                lines += self.end(index, (), width)
        return [*lines, *self._flushed()]

    def resize(self, width: int) -> None:
        """Draw what is not finished at another width (in cells) from here on."""
        if width == self._width:
            return
        self._width, self._cells = width, _column_cells(len(self._columns), width)
        for column in self._columns:
            column.resize(self._cells)

    def _ripe(self) -> list[str]:
        """Return the rows that all columns have, where an ended one has all it will ever have."""
        growing = [len(column.rows) for column in self._columns if not column.is_over]
        return self._taken(min(growing)) if growing else self._flushed()

    def _flushed(self) -> list[str]:
        return self._taken(max(len(column.rows) for column in self._columns))

    def _taken(self, count: int) -> list[str]:
        taken = [column.take(count) for column in self._columns]
        return [self._row(parts) for parts in _side_by_side(taken, count)]

    def _row(self, parts: Sequence[str]) -> str:
        """Put one row of each column beside each other."""
        seam = paint([span("│" if self._style.unicode else "|", "rule")], self._style)
        line = f" {seam} ".join(
            part + " " * max(0, self._cells - cell_width(_ESCAPE.sub("", part))) for part in parts
        )
        # A blank at the end of what is coloured stands before the sequence that ends the colour.
        return _END.sub(lambda match: "".join(match[0].split()), line)

    def _joined(self, names: Sequence[Sequence[Span]]) -> str:
        seam = span(" │ " if self._style.unicode else " | ", "rule")
        first, *others = (fitted(name, self._cells) for name in names)
        line = list(first)
        for name in others:
            line += [seam, *name]
        return paint(line, self._style)


class _Column:
    """One answer, and the rows of it that wait for other columns."""

    def __init__(self, view: AnswerView) -> None:
        self.view = view
        self.rows: list[str] = []
        self.is_over = False

    def add(self, lines: Sequence[str], cells: int) -> None:
        """Take finished lines; what is too long for the column goes on in the next row."""
        for line in lines:
            self.rows += cut_line(line, cells)

    def resize(self, cells: int) -> None:
        """Fit to another width."""
        self.view.resize(cells)
        rows, self.rows = self.rows, []
        self.add(rows, cells)

    def take(self, count: int) -> list[str]:
        """Give the oldest rows away."""
        taken, self.rows = self.rows[:count], self.rows[count:]
        return taken

    def tail(self, rows: int, cells: int) -> list[str]:
        """Return the last rows, those that still change included."""
        if rows <= 0:
            return []
        open_rows = [] if self.is_over else self.view.tail(rows)
        return [*self.rows, *(row for line in open_rows for row in cut_line(line, cells))][-rows:]


def _side_by_side(columns: Sequence[Sequence[str]], count: int) -> Iterator[list[str]]:
    for at in range(count):
        yield [column[at] if at < len(column) else "" for column in columns]


def cut_line(line: str, cells: int) -> list[str]:
    """Cut a terminal's line into rows of a width; each row has its own styles, ended in it."""
    if cell_width(_ESCAPE.sub("", line)) <= cells and "\t" not in line:
        return [line]
    rows: list[str] = []
    row, used = "", 0
    styles, link = "", ""
    at = 0
    for match in [*_ESCAPE.finditer(line), None]:
        for grapheme in graphemes(line[at : match.start() if match else len(line)]):
            text = " " * (_TAB_CELLS - used % _TAB_CELLS) if grapheme == "\t" else grapheme
            size = cell_width(text)
            if used + size > cells and used:
                rows.append(row + (RESET if styles else "") + (_LINK_END if link else ""))
                row, used = link + styles, 0
            if grapheme == "\t":
                # What a new row begins with need not be wide to set words apart.
                text = text[: max(1, cells - used)]
                size = len(text)
            row += text
            used += size
        if match is None:
            break
        escape, at = match.group(), match.end()
        row += escape
        if escape.startswith(_LINK):
            link = "" if escape.startswith(_LINK + ";\x1b") else escape
        else:
            styles = "" if escape == RESET else styles + escape
    return [*rows, row]
