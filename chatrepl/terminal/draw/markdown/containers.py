"""What blocks stand in: quotes and list items, as they are recognised and as they are drawn."""

import re
from dataclasses import dataclass, replace

from chatrepl.terminal.draw.layout.cell_width import cell_width
from chatrepl.terminal.draw.layout.spans import Span, span
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.markdown.line_syntax import Marker, expanded, indent_of

__all__ = ["Container", "Item", "ListRun", "Quote", "item_mark", "prefix_spans"]

_QUOTE = re.compile(r" {0,3}> ?")


@dataclass(slots=True)
class ListRun:
    """The list that the last item of a container belongs to."""

    kind: str
    next_number: int
    level: int
    """How many bullet lists it stands in."""


@dataclass(slots=True)
class Quote:
    """A block quote; drawn as a bar on its left."""

    is_drawn: bool = False
    """A line of it has been drawn."""
    run: ListRun | None = None

    def content(self, line: str) -> str | None:
        """Return what the line holds inside the quote, or None if it isn't in it."""
        match = _QUOTE.match(line)
        if match and line[match.end() : match.end() + 1] == "\t":
            line = expanded(line)
            match = _QUOTE.match(line)
        return line[match.end() :] if match else None

    def clone(self) -> "Quote":
        """Return an independent copy."""
        return replace(self, run=replace(self.run) if self.run else None)


@dataclass(slots=True)
class Item:
    """A list item; drawn as its mark, and an indentation below it."""

    columns: int
    """How far its content is indented in the source."""
    mark: str
    is_sibling: bool
    """Another item of its list stands before it."""
    is_empty: bool
    """Nothing stands behind its mark, nor on a line below it so far."""
    is_drawn: bool = False
    run: ListRun | None = None

    def content(self, line: str) -> str | None:
        """Return what the line holds inside the item, or None if it isn't in it."""
        if not line.strip():
            return None if self.is_empty else ""
        if indent_of(line) < self.columns:
            line = expanded(line)
        return line[self.columns :] if indent_of(line) >= self.columns else None

    def clone(self) -> "Item":
        """Return an independent copy."""
        return replace(self, run=replace(self.run) if self.run else None)


Container = Quote | Item


def item_mark(marker: Marker, number: int, level: int, style: DrawStyle) -> str:
    """Return what is drawn before an item, with the blank behind it."""
    bullets, boxes = ("•◦▪", "☐☑") if style.unicode else ("-*+", ("[ ]", "[x]"))
    box = "" if marker.is_done is None else boxes[marker.is_done]
    if number >= 0:
        return f"{number}{marker.kind} {box} " if box else f"{number}{marker.kind} "
    return f"{box or bullets[level % 3]} "


def prefix_spans(
    containers: list[Container], style: DrawStyle, room: int, *, indents: bool = True
) -> list[Span]:
    """Draw what stands left of a block's line; ``room`` is how many cells it may take.

    Where that is too little, only the marks that have not been drawn yet are. Without ``indents``
    (code, which is copied) only the bars of quotes are.
    """
    bar = span("│ " if style.unicode else "| ", "bar")
    spans: list[Span] = []
    for container in containers:
        if isinstance(container, Quote):
            spans.append(bar)
        elif indents:
            mark = span(container.mark, "bullet")
            spans.append(span(" " * cell_width(mark[0])) if container.is_drawn else mark)
    if sum(cell_width(text) for text, _, _ in spans) <= room:
        return spans
    fresh = [at for at in containers if isinstance(at, Item) and not at.is_drawn and indents]
    return [span(item.mark, "bullet") for item in fresh]
