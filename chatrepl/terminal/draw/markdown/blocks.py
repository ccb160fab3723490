"""Drawing of Markdown blocks, line by line, while the text comes: CommonMark's block structure.

A line is parsed against the open blocks (``Reading``), then applied to them. Drawn lines never
change, so a line is final as soon as nothing that may follow can change it. That leaves three
things to be decided by the lines so far: a list is as tight as each of its items is written, a link
definition holds from its line on, and only a line that is still held can become a heading or the
head of a table.

Between blocks stands one empty line; in lists, where the source has one and around code and tables;
none between a paragraph and a list that follows it at once.
"""

from collections.abc import Sequence

from chatrepl.terminal.draw.layout.spans import Line, span, spans_width
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.layout.wrapping import wrapped
from chatrepl.terminal.draw.markdown.containers import (
    Container,
    Item,
    OpenList,
    Quote,
    item_mark,
    prefix_spans,
)
from chatrepl.terminal.draw.markdown.leaf_blocks import (
    Code,
    Formula,
    Html,
    Leaf,
    Paragraph,
    TableRows,
    heading_lines,
)
from chatrepl.terminal.draw.markdown.line_reader import Reading, is_settled, read_line
from chatrepl.terminal.draw.markdown.line_syntax import Fence, Marker
from chatrepl.terminal.draw.markdown.links import LinkTarget, link_definition

_MAX_RULE_CELLS = 60
_SPACED_KINDS = frozenset(["fence", "indented", "table"])
"""Blocks that have an empty line before and behind them also in lists."""


class BlockRenderer:
    """Renderer of lines of Markdown to drawn lines; ``width`` is the terminal's, in cells."""

    def __init__(self, style: DrawStyle, width: int) -> None:
        self.lines: list[Line] = []
        """Finished lines; the caller empties the list."""
        self._style = style
        self._width = width
        self._root = Quote(is_drawn=True)
        self._containers: list[Container] = []
        """The open containers, outermost first, without the root."""
        self._leaf: Leaf | None = None
        self._references: dict[str, LinkTarget] = {}
        self._has_drawn = False
        self._is_after_blank = False
        self._last_kind = ""
        self._gap: Line | None = None
        """The empty line before the block that has started, drawn when its first line is."""

    def clone(self) -> "BlockRenderer":
        """Return an independent copy without finished lines."""
        twin = BlockRenderer(self._style, self._width)
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
        """Take the beginning of a long line if its end cannot change that it is text.

        Returns whether it was taken; then ``extend`` takes the rest of the line.
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
        """End the text: close all blocks."""
        self._close(0)

    def preview(self, rows: int) -> None:
        """Draw open blocks as they will most likely be, at least their last rows. Ends the text."""
        leaf, self._leaf = self._leaf, None
        if leaf is not None:
            self._emit(leaf.preview(rows), indents=leaf.is_indented)
        self._close(0)

    def resize(self, width: int) -> None:
        """Change the width (in cells) for everything that is not finished."""
        self._width = width
        if self._leaf is not None:
            self._leaf.resize(self._room())

    def _apply(self, reading: Reading) -> None:
        match reading.kind:
            case "text":
                self._emit(self._paragraph(reading).add(reading.content))
            case "blank":
                self._close(reading.depth)
                self._is_after_blank = True
            case "leaf line":
                self._add_to_leaf(reading.content)
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
        is_inside = reading.depth == len(self._containers) and not reading.opened
        if isinstance(self._leaf, Paragraph) and (is_inside or reading.is_lazy):
            return self._leaf
        self._enter(reading, "paragraph")
        paragraph = Paragraph(self._style, self._references, self._room())
        self._leaf = paragraph
        return paragraph

    def _add_to_leaf(self, content: str) -> None:
        leaf = self._leaf
        assert leaf is not None
        self._emit(leaf.add(content), indents=leaf.is_indented)
        if leaf.is_over:
            self._leaf = None

    def _take_held(self) -> tuple[Paragraph, str]:
        """Return the open paragraph, and its held line taken out of it."""
        paragraph = self._leaf
        assert isinstance(paragraph, Paragraph)
        assert paragraph.held is not None
        held, paragraph.held = paragraph.held, None
        return paragraph, held

    def _underline(self, reading: Reading) -> None:
        _, text = self._take_held()
        self._leaf, self._last_kind = None, "heading"
        self._emit(heading_lines(reading.level, text.strip(), self._room(), self._style))

    def _table(self, reading: Reading) -> None:
        paragraph, head = self._take_held()
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
                rule = self._style.signs("─") * min(room, _MAX_RULE_CELLS)
                self._emit([[span(rule, "rule")]])
            case "definition":
                self._define(content, room)
            case "fence":
                self._code(reading.fence, room)
            case "indented":
                self._code(None, room)
                self._add_to_leaf(content)
            case "html start":
                self._leaf = Html(reading.ending, room)
                self._add_to_leaf(content)
            case "formula start":
                self._leaf = Formula(content, room)
            case _:
                # Only a mark stands on the line: its item is open now, and empty so far.
                pass

    def _define(self, content: str, room: int) -> None:
        definition = link_definition(content)
        assert definition is not None
        self._references.setdefault(*definition)
        self._emit(wrapped([span(content.strip(), "muted")], room))

    def _code(self, fence: Fence | None, room: int) -> None:
        code = Code(self._style, fence, room)
        self._leaf = code
        self._emit([code.opening()], indents=False)

    def _enter(self, reading: Reading, kind: str) -> None:
        """Close blocks that the line is not in, open its containers, decide on an empty line."""
        self._close(reading.depth)
        for marker in reading.opened:
            parent = self._parent()
            if isinstance(marker, Marker):
                self._containers.append(self._item(marker, parent))
            else:
                parent.open_list = None
                self._containers.append(Quote())
        if kind != "item":
            self._parent().open_list = None
        for container in self._containers[: -1 if kind == "item" else None]:
            if isinstance(container, Item):
                container.is_empty = False
        self._space(kind)

    def _parent(self) -> Container:
        return self._containers[-1] if self._containers else self._root

    def _item(self, marker: Marker, parent: Container) -> Item:
        """Make a marker's item, in the parent's open list or in a new one."""
        open_list = parent.open_list
        is_sibling = open_list is not None and open_list.kind == marker.kind
        if open_list is None or not is_sibling:
            open_list = OpenList(marker.kind, marker.number, self._bullet_level())
            parent.open_list = open_list
        # Only the first number counts (CommonMark 5.3).
        number = open_list.next_number
        if number >= 0:
            open_list.next_number += 1
        mark = item_mark(marker, number, open_list.level, self._style)
        is_empty = not marker.content.strip()
        return Item(marker.columns, mark, is_sibling=is_sibling, is_empty=is_empty)

    def _bullet_level(self) -> int:
        return sum(isinstance(at, Item) and not at.mark[0].isdigit() for at in self._containers)

    def _close(self, depth: int) -> None:
        """Close the open leaf, and the containers beyond a depth."""
        leaf, self._leaf = self._leaf, None
        if leaf is not None:
            self._emit(leaf.finish(), indents=leaf.is_indented)
        if depth < len(self._containers):
            # A container without any line still shows its mark.
            if any(not container.is_drawn for container in self._containers[depth:]):
                self._emit([[]])
            del self._containers[depth:]
            if self._last_kind == "paragraph":
                self._last_kind = "contained paragraph"

    def _space(self, kind: str) -> None:
        """Decide on the empty line before the block that starts now."""
        if self._has_drawn:
            drawn = [container for container in self._containers if container.is_drawn]
            outermost = next((each for each in self._containers if not each.is_drawn), None)
            is_spaced = self._is_after_blank or bool({kind, self._last_kind} & _SPACED_KINDS)
            # In a list the source decides; elsewhere blocks are spaced, with these exceptions.
            if not any(isinstance(container, Item) for container in drawn):
                if isinstance(outermost, Item):
                    is_spaced |= not outermost.is_sibling and self._last_kind != "paragraph"
                else:
                    is_spaced |= not kind == self._last_kind == "definition"
            if is_spaced:
                self._gap = prefix_spans(drawn, self._style, self._width)
        self._is_after_blank = False
        self._last_kind = kind

    def _emit(self, lines: Sequence[Line], *, indents: bool = True) -> None:
        """Finish lines, with the marks and bars of containers on their left."""
        for line in lines:
            if self._gap is not None:
                self.lines.append(self._gap)
                self._gap = None
            has_new_mark = any(not container.is_drawn for container in self._containers)
            if has_new_mark and not indents:
                # Code begins at the left edge: a mark before it needs a line of its own.
                self.lines.append(self._prefix(indents=True))
                self._mark_drawn()
            self.lines.append([*self._prefix(indents=indents), *line])
            if has_new_mark:
                self._mark_drawn()
            self._has_drawn = True

    def _mark_drawn(self) -> None:
        for container in self._containers:
            container.is_drawn = True

    def _prefix(self, *, indents: bool) -> Line:
        widest = self._width - 16 if self._width > 24 else self._width // 3
        return prefix_spans(self._containers, self._style, widest, indents=indents)

    def _room(self) -> int:
        """Return the width that the open block may fill, in cells."""
        return max(1, self._width - spans_width(self._prefix(indents=True)))
