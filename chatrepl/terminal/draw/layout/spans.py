"""Styled spans of text, and their conversion to ANSI lines.

A span is ``(text, names, url)``: safe text without line ends, the names of its styles (see
``chatrepl.terminal.draw.layout.style``), and the address it links to, or an empty string.
"""

from collections.abc import Iterable, Sequence

from chatrepl.terminal.draw.layout.cell_width import cell_width, graphemes
from chatrepl.terminal.draw.layout.style import RESET, DrawStyle, sgr

Span = tuple[str, tuple[str, ...], str]
Line = list[Span]

_TAB_CELLS = 8
_LINK_END = "\x1b]8;;\x1b\\"


def span(text: str, *names: str, url: str = "") -> Span:
    """Make a span."""
    return (text, names, url)


def plain_text(spans: Iterable[Span]) -> str:
    """Return the text of spans without their styles."""
    return "".join(text for text, _, _ in spans)


def spans_width(spans: Iterable[Span]) -> int:
    """Return the width of spans in cells."""
    return sum(cell_width(text) for text, _, _ in spans)


def styled(spans: Iterable[Span], name: str) -> Line:
    """Add a style to spans; their own styles win over it."""
    return [(text, (name, *names), url) for text, names, url in spans]


def padded(spans: Iterable[Span], width: int, *, right: bool = False) -> Line:
    """Pad spans with spaces to a width in cells; with ``right`` they are aligned right."""
    cells = list(spans)
    padding = span(" " * max(0, width - spans_width(cells)))
    return [padding, *cells] if right else [*cells, padding]


def paint(spans: Sequence[Span], style: DrawStyle, *, with_links: bool = True) -> str:
    """Convert spans to an ANSI line: no trailing blanks, every style and link ended in it."""
    parts: list[str] = []
    open_url = ""
    for text, names, url in merged(_stripped(spans)):
        target = url if with_links else ""
        if target != open_url:
            parts.append(f"\x1b]8;;{target}\x1b\\" if target else _LINK_END)
            open_url = target
        begin = sgr(style, names) if names else ""
        parts.append(f"{begin}{text}{RESET}" if begin else text)
    if open_url:
        parts.append(_LINK_END)
    return "".join(parts)


def span_rows(spans: Sequence[Span], width: int) -> list[Line]:
    """Split a line into rows as a terminal wraps it, tabs as spaces; at least one row."""
    if spans_width(spans) <= width and not any("\t" in text for text, _, _ in spans):
        return [list(spans)]
    rows: list[Line] = [[]]
    used = 0
    for text, names, url in spans:
        for grapheme in graphemes(text):
            cells = _TAB_CELLS - used % _TAB_CELLS if grapheme == "\t" else cell_width(grapheme)
            if used + cells > width and rows[-1]:
                rows.append([])
                used = 0
            shown = " " * min(cells, width) if grapheme == "\t" else grapheme
            rows[-1].append((shown, names, url))
            used += cells
    return rows


def _stripped(spans: Sequence[Span]) -> Line:
    """Remove trailing blanks, also where they have styles of their own."""
    remaining = list(spans)
    while remaining:
        text, names, url = remaining[-1]
        if stripped := text.rstrip():
            remaining[-1] = (stripped, names, url)
            break
        remaining.pop()
    return remaining


def merged(spans: Iterable[Span]) -> Line:
    """Join neighbours of the same style and link; drop empty spans."""
    joined: Line = []
    for text, names, url in spans:
        if joined and joined[-1][1:] == (names, url):
            joined[-1] = (joined[-1][0] + text, names, url)
        elif text:
            joined.append((text, names, url))
    return joined
