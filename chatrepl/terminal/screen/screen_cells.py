"""Conversion of styled lines into rows of prompt_toolkit's screen cells."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from string import ascii_uppercase

from prompt_toolkit.formatted_text import ANSI, to_formatted_text
from prompt_toolkit.layout.screen import Char, Screen

Row = Sequence[Char]
"""One cell a column; a cell that is two columns wide is followed by an empty one."""

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
# Pasted text is shown, too; marks that would reorder the line are replaced.
Char.display_mappings.update({chr(code): "\u2426" for code in _BIDI})

_cell = lru_cache(maxsize=100_000)(Char)
"""Cell of a text and a style, cached: making one is more expensive."""

_JOINER = "\u200d"
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
_FLAG_LETTERS = dict(zip(map(chr, range(0x1F1E6, 0x1F200)), ascii_uppercase, strict=True))
_FLAG_TABLE = str.maketrans(_FLAG_LETTERS)
_EMOJI = "[\u203c-\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
_JOINED = re.compile(f"({_EMOJI})(?:[\ufe0f\U0001f3fb-\U0001f3ff]|\u200d{_EMOJI})+")

_SEQUENCE = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[^@-~]*[@-~]")
_NOT_STYLE = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[(?![0-9;]*m)[^@-~]*[@-~]")


@lru_cache(maxsize=1024)
def row_of_line(line: str) -> Row:
    """Return the cells of a line with SGR sequences; links (OSC 8) keep their text only.

    Of joined emoji only the first is left, which is as wide in every terminal.
    """
    styled = _NOT_STYLE.sub("", _without_joined_emoji(line))
    if "\x1b" not in styled:
        return row_of_text(styled)
    cells: list[Char] = []
    for style, text, *_ in to_formatted_text(ANSI(styled)):
        _put(cells, text, style)
    return cells


def columns_of_line(line: str) -> int:
    """Return how many cells ``row_of_line`` has, without making them for plain text."""
    text = _SEQUENCE.sub("", line)
    return len(text) if text.isascii() and text.isprintable() else len(row_of_line(line))


@lru_cache(maxsize=256)
def row_of_text(text: str, style: str = "") -> Row:
    """Return the cells of plain text in one style."""
    cells: list[Char] = []
    _put(cells, text.replace("\n", " "), style)
    return cells


def draw_row(screen: Screen, y: int, row: Row, columns: int) -> None:
    """Put a row on the screen, cut at the screen's right edge."""
    screen.data_buffer[y].update(enumerate(cut_row(row, columns)))


def cut_row(row: Row, columns: int) -> Row:
    """Return the cells that fit into ``columns``."""
    fitting = row[:columns]
    if len(row) > columns and fitting and fitting[-1].width > 1:
        # Half a wide character.
        fitting = fitting[:-1]
    return fitting


def least_columns(row: Iterable[Char]) -> int:
    """Return how many columns a row takes in a terminal that joins emoji where it can.

    Terminals differ in joined emoji, skin tones and flags: some show them as one, some piece by
    piece, and so many cells they have in a row.
    """
    columns, previous = 0, ""
    for cell in row:
        is_joined = previous.endswith(_JOINER) or cell.char[:1] in _SKIN_TONES
        is_flag = cell.char[:1] in _FLAG_LETTERS and previous[:1] in _FLAG_LETTERS
        if not (is_joined or is_flag):
            columns += cell.width
        previous = cell.char or previous
        if is_flag:
            previous = ""
    return columns


def _put(cells: list[Char], text: str, style: str) -> None:
    """Append a text's cells; a combining mark joins the cell before it."""
    for character in text:
        cell = _cell(character, style)
        if cell.width == 0 and cells:
            # The cell after a wide one is empty.
            at = len(cells) - 1
            while at and not cells[at].char:
                at -= 1
            cells[at] = _cell(cells[at].char + character, cells[at].style)
            continue
        cells.append(cell)
        cells.extend([_cell("", style)] * (cell.width - 1))


def _without_joined_emoji(text: str) -> str:
    """Reduce joined emoji to the first one without skin tone, and flags to their letters.

    Terminals differ in how wide the whole is, and a row that is redrawn in part would be spoilt.
    Finished lines are printed with all of it.
    """
    if text.isascii():
        return text
    return _JOINED.sub(r"\1", text).translate(_FLAG_TABLE)
