"""Draw how something is filled: a bar of shares, what each is, and lines below."""

from collections.abc import Sequence

from chatrepl.core.events import Meter
from chatrepl.core.text.terminal_safe import safe_line
from chatrepl.terminal.draw.layout.spans import Span, paint, span
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.layout.wrapping import Wrapper

__all__ = ["draw_meter"]

_MOST_CELLS = 72
_LOOKS = (
    ("system", "code.keyword", "█", "S"),
    ("pinned", "code.number", "▓", "P"),
    ("summary", "code.type", "▓", "M"),
    ("history", "code.name", "█", "H"),
    ("newest", "code.string", "█", "N"),
    ("reserve", "muted", "▒", "R"),
    ("free", "bar", "░", "."),
)
_OTHER = ("bar", " ", " ")
_KEPT_BLANK = "\u00a0"
_BETWEEN = " · "


def draw_meter(meter: Meter, style: DrawStyle, width: int) -> list[str]:
    """Draw a bar with a legend; shares without anything in them are left out."""
    shares = [(safe_line(name), amount) for name, amount in meter.shares if amount > 0]
    cells = _cells([amount for _, amount in shares], min(_MOST_CELLS, max(10, width - 2)))
    bar: list[Span] = []
    legend: list[Span] = []
    for (name, amount), count in zip(shares, cells, strict=True):
        look, mark = _look(name, style)
        bar.append(span(mark * count, look))
        legend.append(span("  " if legend else ""))
        legend.append(span(f"{mark}{_KEPT_BLANK}" if mark.strip() else "", look))
        legend.append(span(_kept_together(f"{name} {amount:,}"), "muted"))
    edges = ("▕", "▏") if style.unicode else ("[", "]")
    lines = [[span(edges[0], "bar"), *bar, span(edges[1], "bar")]] if bar else []
    text = [legend, *([span(_in_parts(safe_line(line)), "muted")] for line in meter.lines)]
    return [paint(line, style) for line in (*lines, *_filled(text, width))]


def _look(name: str, style: DrawStyle) -> tuple[str, str]:
    for known, look, mark, ascii_mark in _LOOKS:
        if known == name:
            # Without colours the marks have to differ.
            return look, mark if style.unicode and _has_colors(style) else ascii_mark
    return _OTHER[0], _OTHER[1]


def _has_colors(style: DrawStyle) -> bool:
    return style.colors.value != "none"


def _cells(amounts: Sequence[int], width: int) -> list[int]:
    """Divide the bar; whatever is there at all has a cell."""
    total = sum(amounts) or 1
    cells = [max(1, round(amount * width / total)) for amount in amounts]
    while cells and sum(cells) > width and max(cells) > 1:
        cells[cells.index(max(cells))] -= 1
    while cells and sum(cells) < width:
        cells[cells.index(max(cells))] += 1
    return cells


def _kept_together(text: str) -> str:
    return text.replace(" ", _KEPT_BLANK)


def _in_parts(line: str) -> str:
    """Let a line that lists things break between them only."""
    if _BETWEEN not in line:
        return line
    parts = map(_kept_together, line.split(_BETWEEN))
    return f"{_KEPT_BLANK}{_BETWEEN.lstrip()}".join(parts)


def _filled(texts: Sequence[Sequence[Span]], width: int) -> list[list[Span]]:
    lines: list[list[Span]] = []
    for text in texts:
        wrapper = Wrapper(max(1, width), keep_indent=True)
        wrapper.add(list(text))
        wrapper.finish()
        lines += wrapper.lines
    return [[(t.replace(_KEPT_BLANK, " "), names, url) for t, names, url in line] for line in lines]
