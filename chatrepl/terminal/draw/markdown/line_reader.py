"""Parsing of a Markdown line against the open blocks: phase 1 of CommonMark's parsing strategy.

First the line is matched with the open containers, then with the open leaf, then with what it may
begin. Parsing changes nothing; ``chatrepl.terminal.draw.markdown.blocks`` applies the result.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from chatrepl.terminal.draw.markdown import line_syntax
from chatrepl.terminal.draw.markdown.containers import Container
from chatrepl.terminal.draw.markdown.inline_syntax import LOOKAHEAD_CHARS
from chatrepl.terminal.draw.markdown.leaf_blocks import (
    Code,
    Formula,
    Html,
    Leaf,
    Paragraph,
    TableRows,
)
from chatrepl.terminal.draw.markdown.line_syntax import LINE_START_CHARS, Fence, Marker
from chatrepl.terminal.draw.markdown.links import link_definition
from chatrepl.terminal.draw.markdown.tables import Align

Kind = (
    Literal["text", "blank", "leaf line", "fence end", "underline", "table", "heading", "rule"]
    | Literal["fence", "indented", "html start", "formula start", "definition", "item"]
)
"""``leaf line`` continues an open leaf other than a paragraph, ``underline`` and ``table`` turn a
held line into a heading or a table's head, and an ``item`` has nothing behind its mark.
"""

_ONLY_DELIMITERS = re.compile(r"[-|: \t]*")
_MAX_DEPTH = 32
"""Nested quotes and items; further marks are text. Bounds the cost of a line."""


@dataclass(slots=True)
class Reading:
    """A parsed line: the open containers it is in, those it opens, and its block in them."""

    depth: int
    """The number of open containers that the line is in."""
    kind: Kind = "text"
    content: str = ""
    opened: list[Marker | Literal["quote"]] = field(default_factory=list)
    """The containers that the line opens, outermost first."""
    is_lazy: bool = False
    """Text that continues a paragraph from outside its containers (CommonMark 5.1)."""
    level: int = 0
    """The level of a heading."""
    fence: Fence | None = None
    ending: str = ""
    """The pattern that ends an HTML block; empty for a blank line."""
    aligns: list[Align] = field(default_factory=list)


def read_line(line: str, containers: Sequence[Container], leaf: Leaf | None) -> Reading:
    """Parse a line, given without its line end, that comes after these open blocks."""
    rest, depth = line, 0
    for container in containers:
        inner = container.content(rest)
        if inner is None:
            break
        rest, depth = inner, depth + 1
    is_inside = depth == len(containers)
    if is_inside and leaf is not None and (reading := _read_leaf_line(rest, leaf, depth)):
        return reading
    if not rest.strip():
        return Reading(depth, "blank")
    reading = Reading(depth)
    _read_start(reading, line_syntax.expanded(rest), leaf, is_inside=is_inside)
    return reading


def is_settled(reading: Reading) -> bool:
    """Return whether the beginning of a long line is text whatever follows on the line.

    No rule looks beyond ``LINE_START_CHARS``, except at headings, link definitions, and table rows
    and delimiters, which end at ``LOOKAHEAD_CHARS``.
    """
    content = reading.content
    if reading.kind != "text" or len(content) <= LINE_START_CHARS:
        return False
    may_be_more = content[0] in "#[" or "|" in content[:LINE_START_CHARS]
    if may_be_more or _ONLY_DELIMITERS.fullmatch(content):
        return len(content) > LOOKAHEAD_CHARS
    return True


def _read_leaf_line(rest: str, leaf: Leaf, depth: int) -> Reading | None:
    """Read a line as one more of a leaf whose lines are not Markdown; None if it is none."""
    match leaf:
        case Code(fence=None):
            expanded = line_syntax.expanded(rest)
            if not rest.strip() or line_syntax.indent_of(expanded) >= 4:
                return Reading(depth, "leaf line", expanded[4:])
        case Code(fence=Fence() as fence):
            kind: Kind = "fence end" if line_syntax.is_fence_end(rest, fence) else "leaf line"
            return Reading(depth, kind, line_syntax.unindented(rest, fence.indent))
        case Html(ending=ending) if ending or rest.strip():
            return Reading(depth, "leaf line", rest)
        case Formula() if rest.strip():
            return Reading(depth, "leaf line", rest)
    return None


def _read_start(reading: Reading, rest: str, leaf: Leaf | None, *, is_inside: bool) -> None:
    """Read the containers that a line opens, and then its block: a start of one, or text."""
    paragraph = leaf if isinstance(leaf, Paragraph) else None
    while rest.strip():
        # A paragraph goes on lazily even if the line has left its containers; only inside of them
        # can the line interrupt it, or make a heading or a table of it.
        continued = None if reading.opened else paragraph
        interrupted = continued if is_inside else None
        if line_syntax.indent_of(rest) >= 4:
            # Indented code cannot interrupt a paragraph (CommonMark 4.4).
            if continued is None:
                reading.kind, reading.content = "indented", rest[4:]
                return
            break
        if _read_block(reading, rest, interrupted, continued):
            return
        if reading.depth + len(reading.opened) >= _MAX_DEPTH:
            break
        if (quoted := line_syntax.quote_content(rest)) is not None:
            reading.opened.append("quote")
            rest = quoted
        elif (marker := line_syntax.list_marker(rest)) and _is_item(marker, interrupted):
            reading.opened.append(marker)
            rest = marker.content
        else:
            break
    else:
        reading.kind = "item"
        return
    reading.content = rest.lstrip(" \t")
    if isinstance(leaf, TableRows) and is_inside and not reading.opened:
        reading.kind = "leaf line"
    reading.is_lazy = not is_inside and not reading.opened and paragraph is not None


def _is_item(marker: Marker, interrupted: Paragraph | None) -> bool:
    """Return whether a line with a marker is an item, or text that happens to begin like one.

    An item can interrupt a paragraph only with content, and only as number 1 (CommonMark 5.2).
    """
    return interrupted is None or (bool(marker.content.strip()) and marker.number in (-1, 1))


def _read_block(
    reading: Reading, rest: str, interrupted: Paragraph | None, continued: Paragraph | None
) -> bool:
    """Read the block that begins on this line, if one does.

    ``interrupted`` is the paragraph that it would end, ``continued`` the one that goes on if not.
    """
    reading.content = rest
    if title := line_syntax.heading(rest):
        reading.kind = "heading"
        reading.level, reading.content = title
    elif fence := line_syntax.fence_opening(rest):
        reading.kind, reading.fence = "fence", fence
    elif (ending := line_syntax.html_ending(rest, interrupts=continued is not None)) is not None:
        reading.kind, reading.ending = "html start", ending
    elif interrupted is not None and _read_held(reading, rest, interrupted):
        return True
    elif line_syntax.is_rule(rest):
        reading.kind = "rule"
    elif rest.strip() in ("$$", "\\["):
        reading.kind, reading.content = "formula start", rest.strip()
    elif continued is None and len(rest) <= LOOKAHEAD_CHARS and link_definition(rest):
        reading.kind = "definition"
    else:
        return False
    return True


def _read_held(reading: Reading, rest: str, paragraph: Paragraph) -> bool:
    """Read a line that turns the held line into a heading, or into the head of a table."""
    held = paragraph.held
    if held is None:
        return False
    level = line_syntax.underline_level(rest) if paragraph.is_first else 0
    if level and len(held) <= LINE_START_CHARS:
        reading.kind, reading.level = "underline", level
        return True
    aligns = line_syntax.column_aligns(rest) if line_syntax.may_be_row(held) else None
    if aligns is None or len(aligns) != len(line_syntax.row_cells(held)):
        return False
    reading.kind, reading.aligns = "table", aligns
    return True
