"""Table layout: columns fitted to the width, or keys and values where that is too narrow."""

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Literal

from chatrepl.terminal.draw.layout.cell_width import cell_width, clip
from chatrepl.terminal.draw.layout.spans import Line, padded, plain_text, span, spans_width, styled
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.layout.wrapping import wrapped

Align = Literal["left", "center", "right"]

_MIN_COLUMN_CELLS = 4
_MAX_WORD_CELLS = 14
"""A column is at least as wide as its longest word, up to this."""


class TableLayout:
    """A table that grows by rows; its cells are spans.

    Adding a row costs its own length only, since widths are kept as maxima. The table is laid out
    when its lines are read: every row may still widen a column. ``is_ruled`` puts a rule between
    rows as soon as a cell wraps; with ``is_clipped`` the last column is clipped instead of wrapped.
    """

    def __init__(
        self,
        head: Sequence[Line],
        aligns: Sequence[Align],
        style: DrawStyle,
        *,
        is_ruled: bool = True,
        is_clipped: bool = False,
    ) -> None:
        self._style = style
        self._is_ruled = is_ruled
        self._is_clipped = is_clipped
        self._head = [styled(cell, "table.head") for cell in head]
        self._aligns = list(aligns)
        self._rows: list[list[Line]] = []
        self._natural = [0] * len(self._head)
        """The width of each column without wrapping."""
        self._narrowest = [1] * len(self._head)
        """The least width of each column."""
        self._measure(self._head)

    def clone(self) -> "TableLayout":
        """Return a copy that may get rows of its own."""
        twin = copy(self)
        twin._rows = list(self._rows)
        twin._natural, twin._narrowest = list(self._natural), list(self._narrowest)
        return twin

    def add(self, cells: Sequence[Line]) -> None:
        """Add a row; missing cells are empty, and there are never more than the head has."""
        missing = len(self._head) - len(cells)
        row = [*cells, *([] for _ in range(missing))]
        self._rows.append(row)
        self._measure(row)

    def lines(self, width: int, last: int | None = None) -> list[Line]:
        """Lay out the table; with ``last``, only so many rows from its end, without the head."""
        rows = self._rows if last is None else self._rows[max(0, len(self._rows) - last) :]
        has_all = len(rows) == len(self._rows)
        widths = self._widths(width)
        if widths is None:
            return list(self._records(rows, width))
        return list(self._columns(rows, widths, with_head=has_all))

    def head_lines(self, width: int) -> list[Line]:
        """Lay out the head and the rule below it; empty where the table has no columns."""
        widths = self._widths(width)
        return [] if widths is None else list(self._columns((), widths, with_head=True))

    def _measure(self, cells: Sequence[Line]) -> None:
        for column, cell in enumerate(cells):
            text = plain_text(cell)
            longest = max((cell_width(word) for word in text.split()), default=1)
            self._natural[column] = max(self._natural[column], spans_width(cell))
            narrowest = min(longest, _MAX_WORD_CELLS)
            self._narrowest[column] = max(self._narrowest[column], narrowest)

    def _widths(self, width: int) -> list[int] | None:
        """Divide the room among the columns; None if a column would be too narrow to read.

        Short columns get their natural width. The others grow from their least width, the
        narrowest first, so that in the end the long ones are equally wide.
        """
        room = width - 3 * (len(self._head) - 1)
        if sum(self._natural) <= room:
            return self._natural
        widths = [
            max(least, min(natural, _MIN_COLUMN_CELLS))
            for least, natural in zip(self._narrowest, self._natural, strict=True)
        ]
        left = room - sum(widths)
        if left < 0:
            return None
        growing = [at for at, natural in enumerate(self._natural) if natural > widths[at]]
        while growing and left > 0:
            least = min(widths[at] for at in growing)
            lowest = [at for at in growing if widths[at] == least]
            # Up to the next wider column, the least natural width or an equal share of the room.
            ceiling = min(
                *(self._natural[at] for at in lowest),
                *(widths[at] for at in growing if widths[at] > least),
                least + max(1, left // len(lowest)),
            )
            for at in lowest[:left]:
                left -= min(ceiling - least, left)
                widths[at] = ceiling
            growing = [at for at in growing if self._natural[at] > widths[at]]
        return widths

    def _columns(
        self, rows: Sequence[list[Line]], widths: Sequence[int], *, with_head: bool
    ) -> Iterator[Line]:
        line, crossing = self._style.signs("─"), self._style.signs("─┼─")
        rule = [span(crossing.join(line * cells for cells in widths), "table.line")]
        wraps = any(natural > cells for natural, cells in zip(self._natural, widths, strict=True))
        # Columns that need no names have no head.
        if with_head and any(self._head):
            yield from self._row(self._head, widths)
            yield rule
        for at, row in enumerate(rows):
            if wraps and at and self._is_ruled:
                yield rule
            yield from self._row(row, widths)

    def _row(self, cells: Sequence[Line], widths: Sequence[int]) -> Iterator[Line]:
        bar = span(self._style.signs(" │ "), "table.line")
        columns = [wrapped(cell, width) or [[]] for cell, width in zip(cells, widths, strict=True)]
        if self._is_clipped and len(columns[-1]) > 1:
            cut = clip(plain_text(cells[-1]), widths[-1], ellipsis=self._style.signs("…"))
            columns[-1] = [[span(cut)]]
        for at in range(max(len(column) for column in columns)):
            line: Line = []
            for column, width, align in zip(columns, widths, self._aligns, strict=True):
                text = column[at] if at < len(column) else []
                line += [bar] if line else []
                line += _aligned(text, width, align)
            yield line

    def _records(self, rows: Sequence[list[Line]], width: int) -> Iterator[Line]:
        """Lay out each row as lines of ``name: value``, with a rule between rows."""
        if not rows:
            for name in self._head:
                yield from wrapped(name, width) or [[]]
        rule = [span(self._style.signs("─") * min(width, 24), "table.line")]
        for at, row in enumerate(rows):
            if at:
                yield rule
            for name, cell in zip(self._head, row, strict=True):
                colon = [span(": ", "table.head")] if name else []
                yield from wrapped([*name, *colon, *cell], width) or [[]]


def _aligned(spans: Line, width: int, align: Align) -> Line:
    if align == "center":
        left = (width - spans_width(spans)) // 2
        return padded([span(" " * left), *spans], width)
    return padded(spans, width, right=align == "right")
