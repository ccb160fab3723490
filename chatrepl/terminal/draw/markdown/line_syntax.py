"""Syntax of single Markdown lines: pure functions, after CommonMark 0.31 and GFM's tables.

The beginning of a long line decides its kind, so that it can be drawn before its end has come: a
line of more than ``LINE_START_CHARS`` is never a rule, a fence, an underline or a lone tag; one of
more than ``LOOKAHEAD_CHARS`` is never a heading, a row of a table's head or a link definition.
"""

import re
from dataclasses import dataclass

from chatrepl.terminal.draw.markdown.inline_syntax import LOOKAHEAD_CHARS
from chatrepl.terminal.draw.markdown.tables import Align

LINE_START_CHARS = 200

_QUOTE = re.compile(r" {0,3}> ?")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*)|)", re.DOTALL)
_CLOSING_HASHES = re.compile(r"(?:^|[ \t]+)#+[ \t]*\Z")
_FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`]*\Z)|~{3,})(.*)", re.DOTALL)
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")
_BULLET = re.compile(r"( {0,3})([-+*])(?=[ \t]|\Z)")
_NUMBER = re.compile(r"( {0,3})([0-9]{1,9})([.)])(?=[ \t]|\Z)")
_TASK = re.compile(r"\[([ xX])\](?=[ \t]+\S)")
_DELIMITERS = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_PIPE = re.compile(r"(?<!\\)\|")
_STRUCTURE = re.compile(r"[ \t>*+\-0-9.)]*")


def expanded(line: str) -> str:
    """Expand tabs among a line's indentation and markers, at columns of four (CommonMark 2.2)."""
    if "\t" not in line:
        return line
    structure = _STRUCTURE.match(line)
    assert structure is not None
    return structure[0].expandtabs(4) + line[structure.end() :]


def indent_of(line: str) -> int:
    """Count the spaces a line begins with."""
    return len(line) - len(line.lstrip(" "))


def unindented(line: str, columns: int) -> str:
    """Remove up to so many spaces from a line's beginning."""
    return line[min(columns, indent_of(line)) :]


def quote_content(line: str) -> str | None:
    """Return the content of a line of a block quote (CommonMark 5.1); None if it has no mark."""
    match = _QUOTE.match(line)
    # A tab behind the mark counts as its optional blank and as indentation: expand it first.
    if match and line[match.end() : match.end() + 1] == "\t":
        line = expanded(line)
        match = _QUOTE.match(line)
    return line[match.end() :] if match else None


def is_rule(line: str) -> bool:
    """Return whether a line is a thematic break (CommonMark 4.1)."""
    return len(line) <= LINE_START_CHARS and _RULE.fullmatch(line) is not None


def heading(line: str) -> tuple[int, str] | None:
    """Parse an ATX heading (CommonMark 4.2) into its level and its text."""
    match = _HEADING.fullmatch(line) if len(line) <= LOOKAHEAD_CHARS else None
    if match is None:
        return None
    return len(match[1]), _CLOSING_HASHES.sub("", match[2] or "").strip()


@dataclass(frozen=True, slots=True)
class Fence:
    """The opening of a fenced code block: its indentation, its marks and its info string."""

    indent: int
    marks: str
    info: str


def fence_opening(line: str) -> Fence | None:
    """Parse the line that opens a fenced code block (CommonMark 4.5)."""
    match = _FENCE.fullmatch(line) if len(line) <= LINE_START_CHARS else None
    return Fence(len(match[1]), match[2], match[3].strip()) if match else None


def is_fence_end(line: str, fence: Fence) -> bool:
    """Return whether a line closes a fenced code block: the same mark, at least as often."""
    marks = line.strip(" \t")
    is_same_mark = bool(marks) and not marks.strip(fence.marks[0])
    return is_same_mark and len(marks) >= len(fence.marks) and indent_of(line) < 4


def underline_level(line: str) -> int:
    """Return the level of a setext heading's underline (CommonMark 4.3); 0 for another line."""
    match = _UNDERLINE.fullmatch(line) if len(line) <= LINE_START_CHARS else None
    return 0 if match is None else 1 if match[1][0] == "=" else 2


@dataclass(frozen=True, slots=True)
class Marker:
    """The marker of a list item, and the rest of its line."""

    kind: str
    """``-``, ``+`` or ``*`` of a bullet, ``.`` or ``)`` behind a number; a list has one kind."""
    number: int
    """The number of an ordered item; -1 for a bullet."""
    columns: int
    """The indentation of the item's content in the source, counted from its parent's content."""
    content: str
    is_done: bool | None = None
    """The state of a task item; None if the item is no task."""


def list_marker(line: str) -> Marker | None:
    """Parse the marker of a list item (CommonMark 5.2) and of a task (GFM 5.3)."""
    if match := _BULLET.match(line):
        kind, number = match[2], -1
    elif match := _NUMBER.match(line):
        kind, number = match[3], int(match[2])
    else:
        return None
    rest = line[match.end() :]
    if rest.startswith("\t"):
        rest = rest.expandtabs(4)
    if not rest.strip():
        return Marker(kind, number, match.end() + 1, "")
    blanks = indent_of(rest)
    # Five or more blanks are one blank and the indentation of a code block.
    blanks = 1 if blanks > 4 else blanks
    content = rest[blanks:]
    task = _TASK.match(content)
    if task is None:
        return Marker(kind, number, match.end() + blanks, content)
    text = content[task.end() :].lstrip(" \t")
    return Marker(kind, number, match.end() + blanks, text, is_done=task[1] != " ")


def may_be_row(line: str) -> bool:
    """Return whether a line can be the head of a table (GFM 4.10)."""
    return "|" in line[:LINE_START_CHARS] and len(line) <= LOOKAHEAD_CHARS


def column_aligns(line: str) -> list[Align] | None:
    """Parse a table's delimiter row into the columns' alignments; None for another line."""
    # Dashes alone would underline a heading.
    may_delimit = "|" in line or ":" in line
    if len(line) > LOOKAHEAD_CHARS or not may_delimit or not _DELIMITERS.fullmatch(line):
        return None
    return [_align(cell.strip()) for cell in line.strip().strip("|").split("|")]


def _align(cell: str) -> Align:
    if not cell.endswith(":"):
        return "left"
    return "center" if cell.startswith(":") and len(cell) > 1 else "right"


def row_cells(line: str) -> list[str]:
    """Split a table's row into the Markdown of its cells."""
    text = line.strip().removeprefix("|")
    cells = _PIPE.split(text)
    if len(cells) > 1 and not cells[-1].strip():
        cells.pop()
    return [cell.strip().replace("\\|", "|") for cell in cells]


_BLOCK_TAGS = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|"
    "dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|"
    "hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|"
    "search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul"
)
_HTML_STARTS = tuple(
    (re.compile(f" {{0,3}}{start}", re.IGNORECASE), ending)
    for start, ending in (
        (r"<(?:script|pre|style|textarea)(?=[\s>]|\Z)", r"</(?:script|pre|style|textarea)>"),
        (r"<!--", r"-->"),
        (r"<\?", r"\?>"),
        (r"<![A-Za-z]", r">"),
        (r"<!\[CDATA\[", r"\]\]>"),
        (rf"</?(?:{_BLOCK_TAGS})(?=[\s>]|/>|\Z)", ""),
    )
)
_LONE_TAG = re.compile(
    r" {0,3}(?:<[A-Za-z][A-Za-z0-9-]*"
    r"""(?:\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:[^\s"'=<>`]+|'[^']*'|"[^"]*"))?)*\s*/?>"""
    r"|</[A-Za-z][A-Za-z0-9-]*\s*>)\s*"
)


def html_ending(line: str, *, interrupts: bool) -> str | None:
    """Return the pattern that ends the HTML block which a line begins (CommonMark 4.6).

    Empty: a blank line ends it. None: no block begins. A line that is just a tag, of a name that
    HTML does not have as a block, begins one only if no paragraph would go on (``interrupts``).
    """
    if "<" not in line[:4]:
        return None
    for start, ending in _HTML_STARTS:
        if start.match(line):
            return ending
    is_lone = not interrupts and len(line) <= LINE_START_CHARS and _LONE_TAG.fullmatch(line)
    return "" if is_lone else None
