"""Text measured in terminal cells, and cut only between graphemes."""

from collections.abc import Iterator
from functools import lru_cache

from wcwidth import iter_graphemes, wcswidth

_GRAPHEME_CHARS = 32
"""A longer grapheme is cut: no script needs one, and a base with endless marks would never end."""
_GRAPHEME_CELLS = 2
_WINDOW_CHARS = 1024
"""Splitting restarts behind each cut grapheme; a bounded window keeps the total cost linear."""
_TAB_CELLS = 8


def cell_width(text: str) -> int:
    """Return the cells that a grapheme-aware terminal gives a text without tabs."""
    if text.isascii():
        return len(text)
    width = wcswidth(text)
    return width if width >= 0 else sum(max(0, wcswidth(character)) for character in text)


def graphemes(text: str) -> Iterator[str]:
    """Split text into graphemes of bounded length, each at most two cells wide.

    All but the last stay the same whatever text follows, so they may be drawn at once.
    """
    start = 0
    while start < len(text):
        window = text[start : start + _WINDOW_CHARS]
        is_last = start + len(window) == len(text)
        at = 0
        for grapheme in iter_graphemes(window):
            piece = grapheme if len(grapheme) == 1 else _shown_as_one(grapheme[:_GRAPHEME_CHARS])
            # The window may have cut its last grapheme: the next window begins with it.
            if at and at + len(piece) == len(window) and not is_last:
                break
            at += len(piece)
            yield piece
            # A cut grapheme: its remainder is split anew.
            if len(piece) < len(grapheme):
                break
        start += at


@lru_cache(maxsize=4096)
def _shown_as_one(grapheme: str) -> str:
    """Return the beginning of a grapheme that takes at most two cells.

    Terminals show wider ones (a letter with skin tones, a row of Hangul parts) in pieces.
    """
    for end in range(2, len(grapheme) + 1):
        if cell_width(grapheme[:end]) > _GRAPHEME_CELLS:
            return grapheme[: end - 1]
    return grapheme


def clip(text: str, width: int, *, ellipsis: str = "…") -> str:
    """Cut a line to a width in cells, with an ellipsis where it was cut."""
    if cell_width(text) <= width:
        return text
    room = width - cell_width(ellipsis)
    start = ""
    for grapheme in graphemes(text[: width * _GRAPHEME_CHARS]):
        room -= cell_width(grapheme)
        if room < 0:
            break
        start += grapheme
    return (start + ellipsis) if width >= cell_width(ellipsis) else start


def screen_rows(text: str, width: int) -> list[str]:
    """Split a line into rows as a terminal wraps it, tabs as spaces; at least one row."""
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
