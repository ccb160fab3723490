"""Draw blocks of Markdown line by line: CommonMark's structure, decided as lines come.

A line is read against what is open (``Reading``), then applied. Nothing that was drawn changes: a
list is as tight as each of its items is written, a link definition holds from its line on, and only
a line that is still held can become a heading or a table's head by what follows it.

Between blocks stands one empty line; in lists, where the source has one and around code and tables;
none between a paragraph and the list that follows it at once.
"""

import re
from collections.abc import Sequence

from chatrepl.terminal.draw.layout.spans import span, spans_width
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.markdown.containers import (
    Container,
    Item,
    ListRun,
    Quote,
    item_mark,
    prefix_spans,
)
from chatrepl.terminal.draw.markdown.leaf_blocks import (
    Code,
    Formula,
    Html,
    Leaf,
    Line,
    Paragraph,
    TableRows,
    heading_lines,
)
from chatrepl.terminal.draw.markdown.line_reader import Reading, is_settled, read_line
from chatrepl.terminal.draw.markdown.line_syntax import Fence, Marker
from chatrepl.terminal.draw.markdown.links import LinkTarget, link_definition
from chatrepl.terminal.draw.markdown.tables import wrapped_spans

__all__ = ["BlockMachine"]

_WIDEST_RULE = 60
_APART = frozenset(["fence", "indented", "table"])
"""Blocks that have an empty line before and behind them also in lists."""


class BlockMachine:
    """Takes lines of Markdown, gives drawn lines; ``width`` is the terminal's, in cells."""

    def __init__(self, style: DrawStyle, width: int) -> None:
        self.lines: list[Line] = []
        """Finished lines; whoever takes them empties the list."""
        self._style = style
        self._width = width
        self._root = Quote(is_drawn=True)
        self._containers: list[Container] = []
        self._leaf: Leaf | None = None
        self._references: dict[str, LinkTarget] = {}
        self._has_drawn = False
        self._is_after_blank = False
        self._last_kind = ""
        self._gap: Line | None = None

    def clone(self) -> "BlockMachine":
        """Return an independent copy without finished lines."""
        twin = BlockMachine(self._style, self._width)
        twin._root = self._root.clone()
        twin._containers = [container.clone() for container in self._containers]
        twin._leaf = self._leaf.clone() if self._leaf else None
        twin._references = dict(self._references)
        twin._has_drawn, twin._is_after_blank = self._has_drawn, self._is_after_blank
        twin._last_kind, twin._gap = self._last_kind, self._gap
        return twin

    def line(self, text: str) -> None:
        """Take a whole line."""
        self._apply(read_line(text, self._containers, self._leaf))

    def begin(self, text: str) -> bool:
        """Take the beginning of a long line if it is a paragraph's whatever follows; else False.

        ``extend`` takes the rest of it.
        """
        reading = read_line(text, self._containers, self._leaf)
        if not is_settled(reading):
            return False
        paragraph = self._paragraph(reading)
        self._emit(paragraph.begin(reading.content))
        return True

    def extend(self, text: str) -> None:
        """Take more of the line that was begun."""
        assert isinstance(self._leaf, Paragraph)
        self._emit(self._leaf.extend(text))

    def finish(self) -> None:
        """End the text: close everything."""
        self._close(0)

    def preview(self, rows: int) -> None:
        """Draw what is open as it will most likely be, at least its last rows. Ends the text."""
        leaf, self._leaf = self._leaf, None
        if leaf is not None:
            self._emit(leaf.preview(rows), indents=not isinstance(leaf, Code))
        self._close(0)

    def resize(self, width: int) -> None:
        """Draw what is not finished at another width from here on."""
        self._width = width
        if self._leaf is not None:
            self._leaf.resize(self._room())

    def _apply(self, reading: Reading) -> None:
        match reading.kind:
            case "text":
                self._emit(self._paragraph(reading).add(reading.content))
            case "blank":
                self._blank(reading)
            case "row" | "code" | "html" | "formula":
                self._go_on(reading)
            case "fence end":
                self._close(reading.depth)
            case "underline":
                self._underline(reading)
            case "table":
                self._table(reading)
            case _:
                self._start(reading)

    def _paragraph(self, reading: Reading) -> Paragraph:
        """Return the paragraph that a line of text belongs to."""
        if reading.is_lazy or (self._is_within(reading) and isinstance(self._leaf, Paragraph)):
            assert isinstance(self._leaf, Paragraph)
            return self._leaf
        self._enter(reading, "paragraph")
        paragraph = Paragraph(self._style, self._references, self._room())
        self._leaf = paragraph
        return paragraph

    def _is_within(self, reading: Reading) -> bool:
        return reading.depth == len(self._containers) and not reading.fresh

    def _blank(self, reading: Reading) -> None:
        self._close(reading.depth)
        self._is_after_blank = True

    def _go_on(self, reading: Reading) -> None:
        leaf = self._leaf
        match leaf:
            case Code() | TableRows():
                self._emit(leaf.add(reading.content), indents=isinstance(leaf, TableRows))
            case Html():
                self._emit(leaf.add(reading.content))
                if leaf.ending and re.search(leaf.ending, reading.content, re.IGNORECASE):
                    self._leaf = None
            case Formula():
                leaf.add(reading.content)
                if reading.content.rstrip().endswith(leaf.ending):
                    self._leaf = None
                    self._emit(leaf.drawn())
                elif leaf.is_too_long:
                    self._close(reading.depth)
            case _:
                raise AssertionError(leaf)

    def _underline(self, reading: Reading) -> None:
        paragraph = self._leaf
        assert isinstance(paragraph, Paragraph)
        assert paragraph.held is not None
        self._leaf, self._last_kind = None, "heading"
        self._emit(heading_lines(reading.level, paragraph.held.strip(), self._room(), self._style))

    def _table(self, reading: Reading) -> None:
        paragraph = self._leaf
        assert isinstance(paragraph, Paragraph)
        assert paragraph.held is not None
        head, paragraph.held = paragraph.held, None
        if paragraph.is_first:
            self._leaf, self._last_kind = None, "table"
        else:
            self._enter(reading, "table")
        self._leaf = TableRows(self._style, head, reading.aligns, self._room())

    def _start(self, reading: Reading) -> None:
        """Start the block that a line begins, other than text."""
        self._enter(reading, reading.kind)
        content, room = reading.content, self._room()
        match reading.kind:
            case "heading":
                self._emit(heading_lines(reading.level, content, room, self._style))
            case "rule":
                line = "─" if self._style.unicode else "-"
                self._emit([[span(line * min(room, _WIDEST_RULE), "rule")]])
            case "definition":
                self._define(content, room)
            case "fence":
                self._code(reading.fence)
            case "indented":
                self._code(None)
                self._go_on(reading)
            case "html start":
                self._leaf = Html(reading.ending, room)
                self._go_on(reading)
            case "formula start":
                self._leaf = Formula(content, room)
            case _:
                # Only a mark stands on the line: its item is there, and empty so far.
                self._leaf = None

    def _define(self, content: str, room: int) -> None:
        definition = link_definition(content)
        assert definition is not None
        self._references.setdefault(*definition)
        self._emit(wrapped_spans([span(content.strip(), "muted")], room))

    def _code(self, fence: Fence | None) -> None:
        self._leaf = Code(self._style, fence)
        self._emit([self._leaf.opening()], indents=False)

    def _enter(self, reading: Reading, kind: str) -> None:
        """Close what the line is not in, open what it begins, and space the block that starts."""
        self._close(reading.depth)
        for marker in reading.fresh:
            holder = self._holder()
            if isinstance(marker, Marker):
                self._containers.append(self._item(marker, holder))
            else:
                holder.run = None
                self._containers.append(Quote())
        if kind != "item":
            self._holder().run = None
        for container in self._containers[: -1 if kind == "item" else None]:
            if isinstance(container, Item):
                container.is_empty = False
        self._space(kind)

    def _holder(self) -> Container:
        return self._containers[-1] if self._containers else self._root

    def _item(self, marker: Marker, holder: Container) -> Item:
        run = holder.run
        is_sibling = run is not None and run.kind == marker.kind
        if run is None or not is_sibling:
            run = ListRun(marker.kind, marker.number, self._bullet_level())
            holder.run = run
        number = run.next_number
        if number >= 0:
            run.next_number += 1
        mark = item_mark(marker, number, run.level, self._style)
        is_empty = not marker.content.strip()
        return Item(marker.columns, mark, is_sibling=is_sibling, is_empty=is_empty)

    def _bullet_level(self) -> int:
        return sum(isinstance(at, Item) and not at.mark[0].isdigit() for at in self._containers)

    def _close(self, depth: int) -> None:
        """Close the open leaf, and the containers beyond a depth."""
        leaf, self._leaf = self._leaf, None
        if leaf is not None:
            self._emit(leaf.finish(), indents=not isinstance(leaf, Code))
        if depth < len(self._containers):
            if any(not container.is_drawn for container in self._containers[depth:]):
                self._emit([[]])
            del self._containers[depth:]
            if self._last_kind == "paragraph":
                self._last_kind = "contained paragraph"

    def _space(self, kind: str) -> None:
        """Note the empty line before the block that starts now, drawn when its first line is."""
        if self._has_drawn:
            drawn = [container for container in self._containers if container.is_drawn]
            fresh = next((each for each in self._containers if not each.is_drawn), None)
            is_spaced = self._is_after_blank or bool({kind, self._last_kind} & _APART)
            if not any(isinstance(container, Item) for container in drawn):
                if isinstance(fresh, Item):
                    is_spaced |= not fresh.is_sibling and self._last_kind != "paragraph"
                else:
                    is_spaced |= not kind == self._last_kind == "definition"
            if is_spaced:
                self._gap = prefix_spans(drawn, self._style, self._width)
        self._is_after_blank = False
        self._last_kind = kind

    def _emit(self, lines: Sequence[Line], *, indents: bool = True) -> None:
        """Finish lines, with what stands left of them."""
        for line in lines:
            if self._gap is not None:
                self.lines.append(self._gap)
                self._gap = None
            is_fresh = any(not container.is_drawn for container in self._containers)
            if is_fresh and not indents:
                self.lines.append(self._prefix(indents=True))
                self._mark_drawn()
            self.lines.append([*self._prefix(indents=indents), *line])
            if is_fresh:
                self._mark_drawn()
            self._has_drawn = True

    def _mark_drawn(self) -> None:
        for container in self._containers:
            container.is_drawn = True

    def _prefix(self, *, indents: bool) -> Line:
        widest = self._width - 16 if self._width > 24 else self._width // 3
        return prefix_spans(self._containers, self._style, widest, indents=indents)

    def _room(self) -> int:
        """Return the cells that the block that is open may fill."""
        return max(1, self._width - spans_width(self._prefix(indents=True)))
