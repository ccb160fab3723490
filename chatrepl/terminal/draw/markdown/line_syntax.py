"""Tell what a line of Markdown begins: pure functions of one line, after CommonMark and GitHub.

What a long line begins is told by its beginning alone, so that it can be drawn before its end has
come: a line of more than ``HEAD`` characters is never a rule, a fence, an underline or a lone tag;
one of more than ``REACH`` is never a heading, a row of a table's head or a link definition.
"""

import re
from dataclasses import dataclass

from chatrepl.terminal.draw.markdown.inline_syntax import REACH
from chatrepl.terminal.draw.markdown.tables import Align

__all__ = [
    "HEAD",
    "Fence",
    "Marker",
    "column_aligns",
    "expanded",
    "fence_opening",
    "heading",
    "html_ending",
    "indent_of",
    "is_fence_end",
    "is_rule",
    "list_marker",
    "may_be_row",
    "row_cells",
    "underline_level",
    "unindented",
]

HEAD = 200

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
    """Replace the tabs among a line's indentation and markers by spaces, at columns of four."""
    if "\t" not in line:
        return line
    structure = _STRUCTURE.match(line)
    assert structure is not None
    return structure[0].expandtabs(4) + line[structure.end() :]


def indent_of(line: str) -> int:
    """Count the spaces a line begins with."""
    return len(line) - len(line.lstrip(" "))


def unindented(line: str, columns: int) -> str:
    """Take up to so many spaces from a line's beginning."""
    return line[min(columns, indent_of(line)) :]


def is_rule(line: str) -> bool:
    """Tell a thematic break."""
    return len(line) <= HEAD and _RULE.fullmatch(line) is not None


def heading(line: str) -> tuple[int, str] | None:
    """Read an ATX heading: its level and its text."""
    match = _HEADING.fullmatch(line) if len(line) <= REACH else None
    if match is None:
        return None
    return len(match[1]), _CLOSING_HASHES.sub("", match[2] or "").strip()


@dataclass(frozen=True, slots=True)
class Fence:
    """What opens a block of code: its indentation, its marks, and what is said of the code."""

    indent: int
    marks: str
    info: str


def fence_opening(line: str) -> Fence | None:
    """Read the line that opens a fenced block of code."""
    match = _FENCE.fullmatch(line) if len(line) <= HEAD else None
    return Fence(len(match[1]), match[2], match[3].strip()) if match else None


def is_fence_end(line: str, fence: Fence) -> bool:
    """Tell whether a line closes the block of code."""
    marks = line.strip(" \t")
    is_like = bool(marks) and not marks.strip(fence.marks[0])
    return is_like and len(marks) >= len(fence.marks) and indent_of(line) < 4


def underline_level(line: str) -> int:
    """Return the level of the heading that a line underlines; 0 if it is no underline."""
    match = _UNDERLINE.fullmatch(line) if len(line) <= HEAD else None
    return 0 if match is None else 1 if match[1][0] == "=" else 2


@dataclass(frozen=True, slots=True)
class Marker:
    """What begins a list item."""

    kind: str
    """``-``, ``+`` or ``*`` of a bullet, ``.`` or ``)`` behind a number: another begins a list."""
    number: int
    """Of an ordered item; -1 of a bullet."""
    columns: int
    """How far the item's content is indented in the source, from the parent's content."""
    content: str
    is_done: bool | None = None
    """Of a task; None if the item is none."""


def list_marker(line: str) -> Marker | None:
    """Read the beginning of a list item."""
    if match := _BULLET.match(line):
        kind, number = match[2], -1
    elif match := _NUMBER.match(line):
        kind, number = match[3], int(match[2])
    else:
        return None
    rest = (
        line[match.end() :].expandtabs(4)
        if line[match.end() :][:1] == "\t"
        else line[match.end() :]
    )
    blanks = indent_of(rest)
    if not rest.strip():
        return Marker(kind, number, match.end() + 1, "")
    blanks = 1 if blanks > 4 else blanks
    content = rest[blanks:]
    task = _TASK.match(content)
    if task is None:
        return Marker(kind, number, match.end() + blanks, content)
    text = content[task.end() :].lstrip(" \t")
    return Marker(kind, number, match.end() + blanks, text, is_done=task[1] != " ")


def may_be_row(line: str) -> bool:
    """Tell whether a line can be a row of a table's head."""
    return "|" in line[:HEAD] and len(line) <= REACH


def column_aligns(line: str) -> list[Align] | None:
    """Read the line between a table's head and its rows: how each column is aligned."""
    if (
        len(line) > REACH
        or ("|" not in line and ":" not in line)
        or not _DELIMITERS.fullmatch(line)
    ):
        return None
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    return [
        "center"
        if cell.startswith(":") and cell.endswith(":") and len(cell) > 1
        else "right"
        if cell.endswith(":")
        else "left"
        for cell in cells
    ]


def row_cells(line: str) -> list[str]:
    """Cut a table's row into its cells' Markdown."""
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
    """Return the pattern that ends the HTML which a line begins, empty for a blank line.

    None if it begins none; a lone tag of a kind of its own does so only where no paragraph goes on.
    """
    if "<" not in line[:4]:
        return None
    for start, ending in _HTML_STARTS:
        if start.match(line):
            return ending
    is_lone = not interrupts and len(line) <= HEAD and _LONE_TAG.fullmatch(line)
    return "" if is_lone else None
