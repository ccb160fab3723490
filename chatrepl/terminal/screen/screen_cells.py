"""Styled lines turned into prompt_toolkit's screen cells, cheaply."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from string import ascii_uppercase

from prompt_toolkit.cache import FastDictCache
from prompt_toolkit.layout.screen import Char, Screen

__all__ = ["Row", "cut_row", "draw_row", "least_columns", "row_of_line", "row_of_text"]

Row = Sequence[Char]
"""Cells from left to right; one that is two columns wide is followed by an empty one."""

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
# Pasted text is shown, too: what would reorder the line shows as a mark.
Char.display_mappings.update({chr(code): "\u2426" for code in _BIDI})

_CELLS: FastDictCache[tuple[str, str], Char] = FastDictCache(Char, size=100_000)
"""Cells by their text and style: looking one up is cheaper than making it."""

_JOINER = "\u200d"
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
_FLAG_LETTERS = dict(zip(map(chr, range(0x1F1E6, 0x1F200)), ascii_uppercase, strict=True))
_FLAG_TABLE = str.maketrans(_FLAG_LETTERS)
_EMOJI = "[\u203c-\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
_JOINED = re.compile(f"({_EMOJI})(?:[\ufe0f\U0001f3fb-\U0001f3ff]|\u200d{_EMOJI})+")

_SEQUENCE = re.compile(r"\x1b\[([0-9;:]*)m|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[^@-~]*[@-~]")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "gray")
_BRIGHT = tuple(f"bright{name}" for name in _COLOURS)
_NAMES = (
    *(f"ansi{name}" for name in _COLOURS),
    "ansibrightblack",
    *(f"ansi{name}" for name in _BRIGHT[1:7]),
    "ansiwhite",
)
_LEVELS = (0, 95, 135, 175, 215, 255)
_SWITCHES = {
    1: ("bold", True),
    2: ("dim", True),
    3: ("italic", True),
    4: ("underline", True),
    5: ("blink", True),
    7: ("reverse", True),
    8: ("hidden", True),
    9: ("strike", True),
    23: ("italic", False),
    24: ("underline", False),
    25: ("blink", False),
    27: ("reverse", False),
    28: ("hidden", False),
    29: ("strike", False),
}


@lru_cache(maxsize=1024)
def row_of_line(line: str) -> Row:
    """Turn one line with SGR sequences into cells; links (OSC 8) keep their text only.

    Of joined emoji it is the first, as wide in every terminal.
    """
    line = _of_certain_width(line)
    cells: list[Char] = []
    style: dict[str, str] = {}
    position = 0
    for match in _SEQUENCE.finditer(line):
        _put(cells, line[position : match.start()], " ".join(style.values()))
        position = match.end()
        if match[1] is not None:
            _apply(style, match[1])
    _put(cells, line[position:], " ".join(style.values()))
    return cells


@lru_cache(maxsize=256)
def row_of_text(text: str, style: str = "") -> Row:
    """Turn plain text into cells of one style."""
    cells: list[Char] = []
    _put(cells, text.replace("\n", " "), style)
    return cells


def draw_row(screen: Screen, y: int, row: Row, columns: int) -> None:
    """Put a row on the screen, cut at its right edge."""
    screen.data_buffer[y].update(enumerate(cut_row(row, columns)))


def cut_row(row: Row, columns: int) -> Row:
    """Return what of a row fits into so many columns."""
    shown = row[:columns]
    if len(row) > columns and shown and shown[-1].width > 1:
        shown = shown[:-1]
    return shown


def least_columns(row: Iterable[Char]) -> int:
    """Return how many columns a row takes in a terminal that joins emoji where it can.

    Terminals differ in joined emoji, skin tones and flags: some show them as one, some piece by
    piece, which is how they are counted here otherwise.
    """
    columns, before = 0, ""
    for cell in row:
        is_joined = before.endswith(_JOINER) or cell.char[:1] in _SKIN_TONES
        is_flag = cell.char[:1] in _FLAG_LETTERS and before[:1] in _FLAG_LETTERS
        if not (is_joined or is_flag):
            columns += cell.width
        before = cell.char or before
        if is_flag:
            before = ""
    return columns


def _put(cells: list[Char], text: str, style: str) -> None:
    for character in text:
        cell = _CELLS[character, style]
        if cell.width == 0 and cells:
            at = len(cells) - 1
            while at and not cells[at].char:
                at -= 1
            cells[at] = _CELLS[cells[at].char + character, cells[at].style]
            continue
        cells.append(cell)
        cells.extend([_CELLS["", style]] * (cell.width - 1))


def _of_certain_width(text: str) -> str:
    """Leave the first of joined emoji, without skin tone, and the letters of a flag.

    Terminals differ in how wide the whole is, and a row that is redrawn in part would be spoilt;
    what is finished is printed as it is.
    """
    if text.isascii():
        return text
    return _JOINED.sub(r"\1", text).translate(_FLAG_TABLE)


def _apply(style: dict[str, str], parameters: str) -> None:
    codes = iter([int(code or 0) for code in re.split("[;:]", parameters)])
    for code in codes:
        if code == 0:
            style.clear()
        elif code == 22:
            style.pop("bold", None)
            style.pop("dim", None)
        elif code in _SWITCHES:
            name, on = _SWITCHES[code]
            if on:
                style[name] = name
            else:
                style.pop(name, None)
        else:
            _apply_colour(style, code, codes)


def _apply_colour(style: dict[str, str], code: int, codes: Iterator[int]) -> None:
    ground = "bg" if code // 10 in (4, 10) else "fg"
    if code in (38, 48):
        name = _extended(codes)
    elif code in (39, 49):
        name = None
    elif code // 10 in (3, 4) and code % 10 < 8:
        name = _NAMES[code % 10]
    elif code // 10 in (9, 10) and code % 10 < 8:
        name = _NAMES[8 + code % 10]
    else:
        return
    if name is None:
        style.pop(ground, None)
    else:
        style[ground] = f"{ground}:{name}"


def _extended(codes: Iterator[int]) -> str | None:
    kind = next(codes, 0)
    if kind == 2:
        red, green, blue = (next(codes, 0) & 255 for _ in range(3))
        return f"#{red:02x}{green:02x}{blue:02x}"
    if kind != 5:
        return None
    index = next(codes, 0) & 255
    if index < 16:
        return _NAMES[index]
    if index >= 232:
        grey = 8 + (index - 232) * 10
        return f"#{grey:02x}{grey:02x}{grey:02x}"
    cube = index - 16
    red, green, blue = _LEVELS[cube // 36], _LEVELS[cube // 6 % 6], _LEVELS[cube % 6]
    return f"#{red:02x}{green:02x}{blue:02x}"
