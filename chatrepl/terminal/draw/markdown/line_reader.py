"""Read a line of Markdown against the blocks that are open: CommonMark's first phase.

Reading changes nothing; ``chatrepl.terminal.draw.markdown.blocks`` applies what was read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from chatrepl.terminal.draw.markdown.containers import Container
from chatrepl.terminal.draw.markdown.inline_syntax import REACH
from chatrepl.terminal.draw.markdown.leaf_blocks import (
    Code,
    Formula,
    Html,
    Leaf,
    Paragraph,
    TableRows,
)
from chatrepl.terminal.draw.markdown.line_syntax import (
    HEAD,
    Fence,
    Marker,
    column_aligns,
    expanded,
    fence_opening,
    heading,
    html_ending,
    indent_of,
    is_fence_end,
    is_rule,
    list_marker,
    may_be_row,
    row_cells,
    underline_level,
    unindented,
)
from chatrepl.terminal.draw.markdown.links import link_definition
from chatrepl.terminal.draw.markdown.tables import Align

__all__ = ["Kind", "Reading", "is_settled", "read_line"]

Kind = Literal[
    "text",
    "blank",
    "code",
    "fence end",
    "html",
    "formula",
    "row",
    "underline",
    "table",
    "heading",
    "rule",
    "fence",
    "indented",
    "html start",
    "formula start",
    "definition",
    "item",
]
_QUOTE = re.compile(r" {0,3}> ?")
_ONLY_DELIMITERS = re.compile(r"[-|: \t]*")
_DEEPEST = 32
"""Quotes and items inside each other, at most; further marks are text."""


@dataclass(slots=True)
class Reading:
    """What a line is: how many open containers it is in, which it begins, and what is in them."""

    depth: int
    kind: Kind = "text"
    content: str = ""
    fresh: list[Marker | Literal["quote"]] = field(default_factory=list)
    is_lazy: bool = False
    """Text that goes on a paragraph from outside its containers."""
    level: int = 0
    fence: Fence | None = None
    ending: str = ""
    aligns: list[Align] = field(default_factory=list)


def read_line(line: str, containers: Sequence[Container], leaf: Leaf | None) -> Reading:
    """Read a line, without its end, that comes after what is open."""
    rest, depth = line, 0
    for container in containers:
        inner = container.content(rest)
        if inner is None:
            break
        rest, depth = inner, depth + 1
    reading = Reading(depth)
    is_inside = depth == len(containers)
    if is_inside and leaf is not None and _goes_on(reading, rest, leaf):
        return reading
    if not rest.strip():
        reading.kind = "blank"
        return reading
    rest = expanded(rest)
    return _read_start(reading, rest, leaf, is_inside=is_inside, room=_DEEPEST - depth)


def is_settled(reading: Reading) -> bool:
    """Tell whether the beginning of a long line is text whatever follows on the line."""
    content = reading.content
    if reading.kind != "text" or len(content) <= HEAD:
        return False
    may_be_more = content[0] in "#[" or "|" in content[:HEAD]
    if may_be_more or _ONLY_DELIMITERS.fullmatch(content):
        return len(content) > REACH
    return True


def _goes_on(reading: Reading, rest: str, leaf: Leaf) -> bool:
    """Read a line as one more of a block whose lines are not Markdown."""
    match leaf:
        case Code(fence=None) if not rest.strip() or indent_of(expanded(rest)) >= 4:
            reading.kind, reading.content = "code", expanded(rest)[4:]
        case Code(fence=Fence() as fence):
            is_end = is_fence_end(rest, fence)
            reading.kind = "fence end" if is_end else "code"
            reading.content = unindented(rest, fence.indent)
        case Html(ending=ending) if ending or rest.strip():
            reading.kind, reading.content = "html", rest
        case Formula() if rest.strip():
            reading.kind, reading.content = "formula", rest
        case _:
            return False
    return True


def _read_start(
    reading: Reading, rest: str, leaf: Leaf | None, *, is_inside: bool, room: int
) -> Reading:
    """Read which containers a line begins, and then which block, or text."""
    paragraph = leaf if isinstance(leaf, Paragraph) else None
    while rest.strip():
        goes_on = None if reading.fresh else paragraph
        interrupted = goes_on if is_inside else None
        if indent_of(rest) >= 4:
            if goes_on is None:
                reading.kind, reading.content = "indented", rest[4:]
                return reading
            break
        if _read_block(reading, rest, interrupted, goes_on):
            return reading
        if len(reading.fresh) >= room:
            break
        if quote := _QUOTE.match(rest):
            reading.fresh.append("quote")
            rest = rest[quote.end() :]
        elif (marker := list_marker(rest)) and _may_stand(marker, interrupted):
            reading.fresh.append(marker)
            rest = marker.content
        else:
            break
    else:
        reading.kind = "item"
        return reading
    reading.content = rest.lstrip(" \t")
    if isinstance(leaf, TableRows) and is_inside and not reading.fresh:
        reading.kind = "row"
    reading.is_lazy = not is_inside and not reading.fresh and paragraph is not None
    return reading


def _may_stand(marker: Marker, interrupted: Paragraph | None) -> bool:
    """Keep a line of a paragraph that merely begins with a dash or a number from being an item."""
    return interrupted is None or (bool(marker.content.strip()) and marker.number in (-1, 1))


def _read_block(
    reading: Reading, rest: str, interrupted: Paragraph | None, goes_on: Paragraph | None
) -> bool:
    """Read a block that begins on this line; ``interrupted`` is the paragraph it would end."""
    reading.content = rest
    if title := heading(rest):
        reading.kind = "heading"
        reading.level, reading.content = title
    elif fence := fence_opening(rest):
        reading.kind, reading.fence = "fence", fence
    elif (ending := html_ending(rest, interrupts=goes_on is not None)) is not None:
        reading.kind, reading.ending = "html start", ending
    elif interrupted is not None and _read_held(reading, rest, interrupted):
        return True
    elif is_rule(rest):
        reading.kind = "rule"
    elif rest.strip() in ("$$", "\\["):
        reading.kind, reading.content = "formula start", rest.strip()
    elif goes_on is None and len(rest) <= REACH and link_definition(rest):
        reading.kind = "definition"
    else:
        return False
    return True


def _read_held(reading: Reading, rest: str, paragraph: Paragraph) -> bool:
    """Read a line that makes the one before it a heading, or the head of a table."""
    held = paragraph.held
    if held is None:
        return False
    if paragraph.is_first and (level := underline_level(rest)) and len(held) <= HEAD:
        reading.kind, reading.level = "underline", level
        return True
    aligns = column_aligns(rest) if may_be_row(held) else None
    if aligns is None or len(aligns) != len(row_cells(held)):
        return False
    reading.kind, reading.aligns = "table", aligns
    return True
