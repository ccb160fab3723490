"""Drawing of a meter: a bar of shares, its legend, and lines below."""

from collections.abc import Sequence

from chatrepl.core.events import Meter
from chatrepl.core.text.terminal_safe import safe_line
from chatrepl.terminal.draw.layout.spans import Line, paint, span
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.layout.wrapping import wrapped

_MAX_BAR_CELLS = 72
# share, style, mark, ASCII mark
_LOOKS = (
    ("system", "code.keyword", "█", "S"),
    ("pinned", "code.number", "▓", "P"),
    ("summary", "code.type", "▓", "M"),
    ("history", "code.name", "█", "H"),
    ("newest", "code.string", "█", "N"),
    ("reserve", "muted", "▒", "R"),
    ("free", "bar", "░", "."),
)
_OTHER_LOOK = ("bar", " ")
_NO_BREAK_SPACE = "\u00a0"
_SEPARATOR = " · "


def draw_meter(meter: Meter, style: DrawStyle, width: int) -> list[str]:
    """Draw a bar with a legend; shares without anything in them are left out."""
    shares = [(safe_line(name), amount) for name, amount in meter.shares if amount > 0]
    cells = _cells([amount for _, amount in shares], min(_MAX_BAR_CELLS, max(10, width - 2)))
    bar: Line = []
    legend: Line = []
    for (name, amount), count in zip(shares, cells, strict=True):
        look, mark = _look(name, style)
        bar.append(span(mark * count, look))
        legend.append(span("  " if legend else ""))
        legend.append(span(f"{mark}{_NO_BREAK_SPACE}" if mark.strip() else "", look))
        legend.append(span(_unbreakable(f"{name} {amount:,}"), "muted"))
    lines = [[span(style.signs("▕"), "bar"), *bar, span(style.signs("▏"), "bar")]] if bar else []
    texts = [legend, *([span(_list_items(safe_line(line)), "muted")] for line in meter.lines)]
    lines += [line for text in texts for line in wrapped(text, width, keep_indent=True)]
    return [paint(line, style).replace(_NO_BREAK_SPACE, " ") for line in lines]


def _look(name: str, style: DrawStyle) -> tuple[str, str]:
    for known, look, mark, ascii_mark in _LOOKS:
        if known == name:
            # Without colours the marks have to differ.
            return look, mark if style.unicode and style.has_colors else ascii_mark
    return _OTHER_LOOK


def _cells(amounts: Sequence[int], width: int) -> list[int]:
    """Divide the bar's cells in proportion; the smallest amount still has one."""
    total = sum(amounts) or 1
    cells = [max(1, round(amount * width / total)) for amount in amounts]
    while cells and sum(cells) > width and max(cells) > 1:
        cells[cells.index(max(cells))] -= 1
    while cells and sum(cells) < width:
        cells[cells.index(max(cells))] += 1
    return cells


def _unbreakable(text: str) -> str:
    return text.replace(" ", _NO_BREAK_SPACE)


def _list_items(line: str) -> str:
    """Make a line of listed items wrap between them only."""
    if _SEPARATOR not in line:
        return line
    return f"{_NO_BREAK_SPACE}{_SEPARATOR.lstrip()}".join(map(_unbreakable, line.split(_SEPARATOR)))
