"""Measure text in terminal cells, and cut it only between graphemes."""

from collections.abc import Iterator
from functools import lru_cache

from wcwidth import iter_graphemes, wcswidth

__all__ = ["cell_width", "clip", "graphemes", "screen_rows"]

_GRAPHEME_CHARS = 32
"""A base with more marks than this is cut: no script needs it, and it would never end."""
_GRAPHEME_CELLS = 2
_WINDOW_CHARS = 1024
_TAB_CELLS = 8


def cell_width(text: str) -> int:
    """Return how many cells a terminal that knows graphemes gives a text without tabs."""
    if text.isascii():
        return len(text)
    width = wcswidth(text)
    return width if width >= 0 else sum(max(0, wcswidth(character)) for character in text)


def graphemes(text: str) -> Iterator[str]:
    """Cut text into graphemes of bounded length, each at most two cells wide.

    Each but the last stays the same whatever text follows.
    """
    start = 0
    while start < len(text):
        window = text[start : start + _WINDOW_CHARS]
        is_last = start + len(window) == len(text)
        at = 0
        for grapheme in iter_graphemes(window):
            piece = grapheme if len(grapheme) == 1 else _shown_as_one(grapheme[:_GRAPHEME_CHARS])
            if at and at + len(piece) == len(window) and not is_last:
                break
            at += len(piece)
            yield piece
            if len(piece) < len(grapheme):
                break
        start += at


@lru_cache(maxsize=4096)
def _shown_as_one(grapheme: str) -> str:
    """Return as much of it as takes no more than two cells.

    What is wider, as a letter with skin tones or a row of Hangul's parts, is shown in pieces.
    """
    for end in range(2, len(grapheme) + 1):
        if cell_width(grapheme[:end]) > _GRAPHEME_CELLS:
            return grapheme[: end - 1]
    return grapheme


def clip(text: str, width: int, *, ellipsis: str = "…") -> str:
    """Cut a line to a width in cells, marking the cut."""
    if cell_width(text) <= width:
        return text
    room = width - cell_width(ellipsis)
    kept = ""
    for grapheme in graphemes(text[: width * _GRAPHEME_CHARS]):
        room -= cell_width(grapheme)
        if room < 0:
            break
        kept += grapheme
    return (kept + ellipsis) if width >= cell_width(ellipsis) else kept


def screen_rows(text: str, width: int) -> list[str]:
    """Cut one line into the rows a terminal shows it in, tabs as spaces; at least one row."""
    if text.isascii() and "\t" not in text:
        return [text[at : at + width] for at in range(0, len(text), width)] or [""]
    rows, row, used = [], "", 0
    for grapheme in graphemes(text):
        cells = _TAB_CELLS - used % _TAB_CELLS if grapheme == "\t" else cell_width(grapheme)
        if used + cells > width and row:
            rows.append(row)
            row, used = "", 0
            cells = min(cells, width) if grapheme == "\t" else cells
        row += " " * cells if grapheme == "\t" else grapheme
        used += cells
    return [*rows, row]
