"""Lay out tables: columns fitted to the width, or keys and values where that is too narrow."""

from collections.abc import Iterator, Sequence
from typing import Literal

from chatrepl.terminal.draw.layout.cell_width import cell_width, clip
from chatrepl.terminal.draw.layout.spans import Span, fitted, plain_text, span, spans_width
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.layout.wrapping import Wrapper

__all__ = ["Align", "Cell", "TableLayout", "wrapped_spans"]

Align = Literal["left", "center", "right"]
Cell = list[Span]
Line = list[Span]

_NARROWEST_CELLS = 4
_LONGEST_WORD_CELLS = 14
"""A column is at least as wide as its longest word, up to this."""


def wrapped_spans(spans: Sequence[Span], width: int) -> list[Line]:
    """Fill lines of a width with spans; at least one line."""
    wrapper = Wrapper(width)
    wrapper.add(spans)
    wrapper.finish()
    return wrapper.lines or [[]]


class TableLayout:
    """A table that grows by rows. Adding a row costs its own length; nothing is kept twice.

    ``is_clipped``: the last column is cut where it is too long, and not wrapped.
    """

    def __init__(
        self,
        head: Sequence[Cell],
        aligns: Sequence[Align],
        *,
        is_ruled: bool = True,
        is_clipped: bool = False,
    ) -> None:
        self._is_ruled = is_ruled
        self._is_clipped = is_clipped
        self._head = list(head)
        self._aligns = list(aligns)
        self._rows: list[list[Cell]] = []
        self._natural = [0] * len(self._head)
        self._narrowest = [1] * len(self._head)
        self._measure(self._head)

    def clone(self) -> "TableLayout":
        """Return a copy that may get rows of its own."""
        twin = TableLayout([], self._aligns, is_ruled=self._is_ruled, is_clipped=self._is_clipped)
        twin._head, twin._rows = self._head, list(self._rows)
        twin._natural, twin._narrowest = list(self._natural), list(self._narrowest)
        return twin

    def add(self, cells: Sequence[Cell]) -> None:
        """Add a row; missing cells are empty, and there are never more than the head has."""
        missing = len(self._head) - len(cells)
        row = [*cells, *([] for _ in range(missing))]
        self._rows.append(row)
        self._measure(row)

    def lines(self, width: int, style: DrawStyle, last: int | None = None) -> list[Line]:
        """Lay the table out; with ``last``, only so many rows from its end, without the head."""
        rows = self._rows if last is None else self._rows[max(0, len(self._rows) - last) :]
        has_all = len(rows) == len(self._rows)
        widths = self._widths(width)
        if widths is None:
            return list(self._records(rows, width, style))
        return list(self._columns(rows, widths, style, with_head=has_all))

    def head_lines(self, width: int, style: DrawStyle) -> list[Line]:
        """Lay only the head out, with the rule below it; empty where there are no columns."""
        widths = self._widths(width)
        return [] if widths is None else list(self._columns((), widths, style, with_head=True))

    def _head_cells(self) -> list[Cell]:
        return [[(t, ("table.head", *n), url) for t, n, url in cell] for cell in self._head]

    def _measure(self, cells: Sequence[Cell]) -> None:
        for column, cell in enumerate(cells):
            text = plain_text(cell)
            longest = max((cell_width(word) for word in text.split()), default=1)
            self._natural[column] = max(self._natural[column], spans_width(cell))
            narrowest = min(longest, _LONGEST_WORD_CELLS)
            self._narrowest[column] = max(self._narrowest[column], narrowest)

    def _widths(self, width: int) -> list[int] | None:
        """Share the room among the columns: short ones keep their width, long ones share the rest.

        None if a column would be too narrow to read.
        """
        room = width - 3 * (len(self._head) - 1)
        if sum(self._natural) <= room:
            return self._natural
        widths = [
            max(least, min(natural, _NARROWEST_CELLS))
            for least, natural in zip(self._narrowest, self._natural, strict=True)
        ]
        left = room - sum(widths)
        if left < 0:
            return None
        growing = {at for at, natural in enumerate(self._natural) if natural > widths[at]}
        while growing and left > 0:
            least = min(widths[at] for at in growing)
            lowest = [at for at in sorted(growing) if widths[at] == least]
            ceiling = min(
                *(self._natural[at] for at in lowest),
                *(widths[at] for at in growing if widths[at] > least),
                least + max(1, left // len(lowest)),
            )
            for at in lowest[:left]:
                left -= min(ceiling - least, left)
                widths[at] = ceiling
            growing = {at for at in growing if self._natural[at] > widths[at]}
        return widths

    def _columns(
        self,
        rows: Sequence[list[Cell]],
        widths: Sequence[int],
        style: DrawStyle,
        *,
        with_head: bool,
    ) -> Iterator[Line]:
        line, crossing = ("─", "─┼─") if style.unicode else ("-", "-+-")
        rule = [span(crossing.join(line * cells for cells in widths), "table.line")]
        wraps = any(natural > cells for natural, cells in zip(self._natural, widths, strict=True))
        # Columns that need no names have no head.
        if with_head and any(self._head):
            yield from self._row(self._head_cells(), widths, style)
            yield rule
        for at, row in enumerate(rows):
            if wraps and at and self._is_ruled:
                yield rule
            yield from self._row(row, widths, style)

    def _row(
        self, cells: Sequence[Cell], widths: Sequence[int], style: DrawStyle
    ) -> Iterator[Line]:
        bar = span(" │ " if style.unicode else " | ", "table.line")
        columns = [wrapped_spans(cell, width) for cell, width in zip(cells, widths, strict=True)]
        if self._is_clipped and len(columns[-1]) > 1:
            ellipsis = "…" if style.unicode else "..."
            cut = clip(plain_text(cells[-1]), widths[-1], ellipsis=ellipsis)
            columns[-1] = [[span(cut)]]
        for at in range(max(len(column) for column in columns)):
            line: Line = []
            for column, width, align in zip(columns, widths, self._aligns, strict=True):
                text = column[at] if at < len(column) else []
                line += [bar] if line else []
                line += _aligned(text, width, align)
            yield line

    def _records(self, rows: Sequence[list[Cell]], width: int, style: DrawStyle) -> Iterator[Line]:
        if not rows:
            for name in self._head:
                yield from wrapped_spans([(t, ("table.head", *n), u) for t, n, u in name], width)
        rule = [span(("─" if style.unicode else "-") * min(width, 24), "table.line")]
        for at, row in enumerate(rows):
            if at:
                yield rule
            for name, cell in zip(self._head, row, strict=True):
                key = [(text, ("table.head", *names), url) for text, names, url in name]
                colon = [span(": ", "table.head")] if key else []
                yield from wrapped_spans([*key, *colon, *cell], width)


def _aligned(spans: Line, width: int, align: Align) -> Line:
    if align == "center":
        left = (width - spans_width(spans)) // 2
        return fitted([span(" " * left), *spans], width)
    return fitted(spans, width, right=align == "right")
