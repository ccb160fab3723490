"""A styled piece of text, and its way to the terminal.

A span is ``(text, names, url)``: safe text without line ends, the names of its styles (see
``chatrepl.terminal.draw.layout.style``), and where it links to, or an empty string.
"""

from collections.abc import Iterable, Sequence

from chatrepl.terminal.draw.layout.cell_width import cell_width, graphemes
from chatrepl.terminal.draw.layout.style import RESET, DrawStyle, sgr

__all__ = ["Span", "fitted", "merged", "paint", "plain_text", "span", "span_rows", "spans_width"]

Span = tuple[str, tuple[str, ...], str]

_TAB_CELLS = 8
_LINK_END = "\x1b]8;;\x1b\\"


def span(text: str, *names: str, url: str = "") -> Span:
    """Make a span."""
    return (text, names, url)


def plain_text(spans: Iterable[Span]) -> str:
    """Return the text of spans without their styles."""
    return "".join(text for text, _, _ in spans)


def spans_width(spans: Iterable[Span]) -> int:
    """Return the cells that spans take."""
    return sum(cell_width(text) for text, _, _ in spans)


def fitted(spans: Iterable[Span], width: int, *, right: bool = False) -> list[Span]:
    """Pad spans with spaces to a width, on the right or with ``right`` aligned right."""
    cells = list(spans)
    padding = span(" " * max(0, width - spans_width(cells)))
    return [padding, *cells] if right else [*cells, padding]


def paint(spans: Sequence[Span], style: DrawStyle, *, with_links: bool = True) -> str:
    """Return a line for the terminal: no trailing blanks, every style and link ended in it."""
    parts: list[str] = []
    linked = ""
    for text, names, url in merged(_stripped(spans)):
        target = url if with_links else ""
        if target != linked:
            parts.append(f"\x1b]8;;{target}\x1b\\" if target else _LINK_END)
            linked = target
        begin = sgr(style, names) if names else ""
        parts.append(f"{begin}{text}{RESET}" if begin else text)
    if linked:
        parts.append(_LINK_END)
    return "".join(parts)


def span_rows(spans: Sequence[Span], width: int) -> list[list[Span]]:
    """Cut a line into the rows a terminal shows it in, tabs as spaces; at least one row."""
    if spans_width(spans) <= width and not any("\t" in text for text, _, _ in spans):
        return [list(spans)]
    rows: list[list[Span]] = [[]]
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


def _stripped(spans: Sequence[Span]) -> list[Span]:
    kept = list(spans)
    while kept:
        text, names, url = kept[-1]
        if stripped := text.rstrip():
            kept[-1] = (stripped, names, url)
            break
        kept.pop()
    return kept


def merged(spans: Iterable[Span]) -> list[Span]:
    """Join neighbours of one style and link; leave out what is empty."""
    joined: list[Span] = []
    for text, names, url in spans:
        if joined and joined[-1][1:] == (names, url):
            joined[-1] = (joined[-1][0] + text, names, url)
        elif text:
            joined.append((text, names, url))
    return joined
