"""Puts Markdown of unknown make into a document, so that it cannot reach beyond its place.

An open fence or HTML block would swallow all that follows. A text is taken as it is only where a
scan of its lines proves that nothing stays open (CommonMark 0.31); where it cannot tell, the text
goes into a fence longer than any in it.
"""

import re
from dataclasses import dataclass, field

__all__ = ["as_block", "fenced", "quoted", "split_lines"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_MARKERS = re.compile(r"(?:[ \t]*(?:[-+*]|\d{1,9}[.)])(?=[ \t]))*[ \t]*")
_OPENER = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_CLOSER = re.compile(r"([ ]*)(`{3,}|~{3,})[ \t]*$")
_TICKS = re.compile(r"`+")
_INFO = re.compile(r"[A-Za-z0-9+#._-]{1,40}")
_AUTOLINK = re.compile(r"<(?:https?|mailto):")
_LATER_ITEM = re.compile(r"[ ]*(?!1[.)])\d{1,9}[.)]")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-+*]|\d{1,9}[.)])[ \t]")
_TOP_INDENT = 3
"""A line that is indented further opens nothing at the top level."""


def split_lines(text: str) -> list[str]:
    """Split where Markdown does: at line feeds and carriage returns, and nowhere else."""
    return _LINE_END.split(text)


def fenced(text: str, info: str = "") -> str:
    """Put a text into a code fence that nothing in it can close."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    language = info if _INFO.fullmatch(info) else ""
    return f"{fence}{language}\n{text}\n{fence}"


def quoted(text: str) -> str:
    """Put a text into a block quote, which ends whatever is open in it."""
    return "\n".join(f"> {line}" if line else ">" for line in split_lines(text))


def as_block(text: str, *, keep_lines: bool = False) -> str:
    """Return Markdown that shows a text and leaves nothing open.

    With ``keep_lines``, a text whose line breaks a renderer would join is fenced too.
    """
    scan = _Scan()
    for line in split_lines(text):
        scan.feed(line)
    if not scan.is_sure or (keep_lines and scan.joins_lines):
        return fenced(text, "" if keep_lines else "markdown")
    if scan.fence is not None:
        return (
            f"{text}\n{scan.fence.marker}" if scan.fence.column == 0 else fenced(text, "markdown")
        )
    return text


@dataclass(frozen=True, slots=True)
class _Fence:
    marker: str
    column: int


@dataclass(slots=True)
class _Scan:
    """Follows fences line by line; gives up where containers or HTML make them uncertain."""

    fence: _Fence | None = None
    is_sure: bool = True
    joins_lines: bool = False
    _was_prose: bool = field(default=False)

    def feed(self, line: str) -> None:
        if self.fence is None:
            self._outside(line)
        else:
            self._inside(line, self.fence)

    def _outside(self, line: str) -> None:
        markers = _MARKERS.match(line)
        end = markers.end() if markers else 0
        rest = line[end:]
        opener = _OPENER.match(rest)
        if opener:
            column = len(line[:end].expandtabs(4))
            if 0 < column <= _TOP_INDENT and _LATER_ITEM.match(line):
                # Below a paragraph this is no list item, and so no fence.
                self.is_sure = False
            self.fence = _Fence(opener[1] or opener[2], column)
            self._was_prose = False
            return
        if rest.startswith("<") and not _AUTOLINK.match(rest):
            # HTML may open a block that ends at a mark, a blank line or never.
            self.is_sure = False
        is_prose = bool(rest.strip()) and not line.startswith(">")
        if self._was_prose and is_prose and not _LIST_ITEM.match(line):
            self.joins_lines = True
        self._was_prose = is_prose

    def _inside(self, line: str, fence: _Fence) -> None:
        expanded = line.expandtabs(4)
        closer = _CLOSER.match(expanded)
        closes = closer is not None and closer[2].startswith(fence.marker)
        indent = len(closer[1]) if closer else 0
        if fence.column == 0:
            if closes and indent <= _TOP_INDENT:
                self.fence = None
            return
        # The fence may be a list item's: less indentation would end the item and with it the
        # fence, and a deeper closing line might or might not close it.
        if expanded.strip(" ") and len(expanded) - len(expanded.lstrip(" ")) < fence.column:
            self.is_sure = False
        elif closes:
            self.is_sure = self.is_sure and indent == fence.column
            self.fence = None
