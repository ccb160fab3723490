"""Container blocks: quotes and list items, recognised line by line, drawn left of their content."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from chatrepl.terminal.draw.layout.cell_width import cell_width
from chatrepl.terminal.draw.layout.spans import Line, span, spans_width
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.markdown.line_syntax import Marker, expanded, indent_of, quote_content


@dataclass(slots=True)
class OpenList:
    """A list to which a further item may be added."""

    kind: str
    next_number: int
    level: int
    """The number of bullet lists around it."""


@dataclass(slots=True, kw_only=True)
class Container:
    """A block that contains blocks."""

    is_drawn: bool = False
    """A line of it has been drawn."""
    open_list: OpenList | None = None
    """The list of the last block in it; None if that is no list item."""

    def content(self, line: str) -> str | None:
        """Return the part of a line that is inside the container, or None if the line is not."""
        raise NotImplementedError

    def clone(self) -> Self:
        """Return an independent copy."""
        return replace(self, open_list=replace(self.open_list) if self.open_list else None)


@dataclass(slots=True)
class Quote(Container):
    """A block quote; drawn as a bar on its left."""

    def content(self, line: str) -> str | None:
        """Return the part of a line behind the quote's mark, or None if there is no mark."""
        return quote_content(line)


@dataclass(slots=True)
class Item(Container):
    """A list item; drawn as its mark, and an indentation below it."""

    columns: int
    """The indentation of its content in the source."""
    mark: str
    is_sibling: bool
    """Another item of its list stands before it."""
    is_empty: bool
    """Nothing stands behind its mark, nor on a line below it so far."""

    def content(self, line: str) -> str | None:
        """Return the part of a line behind the item's indentation, or None if that is missing."""
        if not line.strip():
            # An item may begin with one blank line at most (CommonMark 5.2).
            return None if self.is_empty else ""
        if indent_of(line) < self.columns:
            line = expanded(line)
        return line[self.columns :] if indent_of(line) >= self.columns else None


def item_mark(marker: Marker, number: int, level: int, style: DrawStyle) -> str:
    """Return the mark of an item (``number`` is -1 for a bullet) and the blank behind it."""
    box = "" if marker.is_done is None else style.signs("☐☑"[marker.is_done])
    if number >= 0:
        return f"{number}{marker.kind} {box} " if box else f"{number}{marker.kind} "
    return f"{box or style.signs('•◦▪'[level % 3])} "


def prefix_spans(
    containers: Sequence[Container], style: DrawStyle, room: int, *, indents: bool = True
) -> Line:
    """Draw what stands left of a block's line; ``room`` is the width it may take, in cells.

    Where that is too little, only marks that have not been drawn yet are. Without ``indents`` (for
    code, which is copied) only the bars of quotes are.
    """
    spans: Line = []
    for container in containers:
        if isinstance(container, Quote):
            spans.append(span(style.signs("│ "), "bar"))
        elif isinstance(container, Item) and indents:
            mark = span(container.mark, "bullet")
            spans.append(span(" " * cell_width(mark[0])) if container.is_drawn else mark)
    if spans_width(spans) <= room:
        return spans
    undrawn = [at for at in containers if isinstance(at, Item) and not at.is_drawn and indents]
    return [span(item.mark, "bullet") for item in undrawn]
