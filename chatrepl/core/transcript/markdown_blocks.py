"""Embedding of foreign Markdown in a document, such that no block of it stays open.

An open fence or HTML block would swallow all that follows. A text is embedded as it is only where a
scan of its lines proves that nothing stays open (CommonMark 0.31); where the scan cannot tell, the
text goes into a fence longer than any in it.
"""

import re
from dataclasses import dataclass

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
"""Most columns that a block at the top level may be indented by."""


def split_lines(text: str) -> list[str]:
    """Split where Markdown does: at line feeds and carriage returns only."""
    return _LINE_END.split(text)


def fenced(text: str, info: str = "") -> str:
    """Put a text into a code fence longer than any run of backticks in it."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    language = info if _INFO.fullmatch(info) else ""
    return f"{fence}{language}\n{text}\n{fence}"


def quoted(text: str) -> str:
    """Put a text into a block quote, whose end closes every block in it."""
    return "\n".join(f"> {line}" if line else ">" for line in split_lines(text))


def as_block(text: str, *, keep_lines: bool = False) -> str:
    """Return Markdown that shows a text and leaves no block open.

    With ``keep_lines``, a text whose lines a renderer would join is fenced too.
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
    """Column of the marker; 0 at the top level, more inside a list item."""


@dataclass(slots=True)
class _Scan:
    """State of a scan for open fences; gives up where containers or HTML make it uncertain."""

    fence: _Fence | None = None
    is_sure: bool = True
    """False: only a fence around the text is certain to close it."""
    joins_lines: bool = False
    """A renderer would join two lines of a paragraph."""
    _was_prose: bool = False

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
                # An item that does not begin with 1 cannot interrupt a paragraph: no fence then.
                self.is_sure = False
            self.fence = _Fence(opener[1] or opener[2], column)
            self._was_prose = False
            return
        if rest.startswith("<") and not _AUTOLINK.match(rest):
            # An HTML block may end at a mark of its own, at a blank line, or never.
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
