from itertools import product
from typing import get_args

import pytest
from rich.style import Style

from chatrepl.terminal.draw.layout.spans import paint, span
from chatrepl.terminal.draw.layout.style import (
    _STYLES,
    ColorDepth,
    DrawStyle,
    Theme,
    detect_background,
    detect_style,
    sgr,
)


@pytest.mark.parametrize(
    ("environment", "colors"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, ColorDepth.TRUECOLOR),
        ({"TERM": "xterm-256color"}, ColorDepth.COLORS_256),
        ({"TERM": "xterm"}, ColorDepth.COLORS_16),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, ColorDepth.NONE),
        ({}, ColorDepth.NONE),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, ColorDepth.NONE),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, ColorDepth.COLORS_256),
    ],
)
def test_the_colour_depth_follows_the_environment(
    environment: dict[str, str], colors: ColorDepth
) -> None:
    assert detect_style(environment, is_terminal=True).colors is colors


def test_a_stream_without_a_terminal_gets_plain_lines() -> None:
    environment = {"TERM": "xterm-kitty", "COLORTERM": "truecolor"}
    assert detect_style(environment, is_terminal=True).hyperlinks
    style = detect_style(environment, is_terminal=False)
    assert (style.colors, style.hyperlinks) == (ColorDepth.NONE, False)


@pytest.mark.parametrize(
    ("encoding", "expected"), [("UTF-8", True), ("utf8", True), ("ascii", False)]
)
def test_the_encoding_decides_on_unicode_signs(encoding: str, expected: bool) -> None:
    assert detect_style({}, is_terminal=True, encoding=encoding).unicode is expected


def test_every_style_sets_the_foreground_only() -> None:
    faults = []
    for name, theme, colors in product(_STYLES, get_args(Theme), ColorDepth):
        begin = sgr(DrawStyle(colors=colors, theme=theme), (name,))
        codes = begin.removeprefix("\x1b[").removesuffix("m").split(";")
        # The arguments of an extended foreground colour (38) may be any numbers.
        own = set(codes[:1] if codes[0] == "38" else codes)
        if begin and (colors is ColorDepth.NONE or {"7", "40", "48", "49", "100"} & own):
            faults.append((name, theme, colors, begin))
    assert faults == []


def test_a_line_ends_what_it_begins_and_has_no_trailing_blanks() -> None:
    style = DrawStyle(colors=ColorDepth.COLORS_16, hyperlinks=True)
    line = paint([span("a", "strong"), span("b ", url="https://x.y"), span("  ", "code")], style)
    assert line == "\x1b[1ma\x1b[0m\x1b]8;;https://x.y\x1b\\b\x1b]8;;\x1b\\"


@pytest.mark.parametrize(
    ("value", "background"),
    [
        *(("15;0", "dark"), ("0;15", "light"), ("0;default;7", "light"), ("12;8", "dark")),
        *(("", None), ("15;default", None), ("15", "light"), ("0;99", None)),
    ],
)
def test_colorfgbg_gives_the_background(value: str, background: str | None) -> None:
    assert detect_background({"COLORFGBG": value}) == background


GROUNDS = {
    "dark": ("#000000", "#1e1e2e", "#282c34", "#002b36", "#2e3440"),
    "light": ("#ffffff", "#fdf6e3", "#eff1f5", "#f2f2f2"),
}
LINES = ("bar", "rule", "table.line")


def brightness(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_are_legible_on_usual_backgrounds() -> None:
    faults = []
    for name, (theme, column) in product(_STYLES, (("dark", 1), ("light", 2))):
        color = Style.parse(_STYLES[name][column]).color
        for ground in GROUNDS[theme] if color is not None else ():
            low, high = sorted((brightness(color.name), brightness(ground)))  # type: ignore[union-attr]
            # The contrast that WCAG 2 requires of text, and of lines.
            if (high + 0.05) / (low + 0.05) < (3 if name in LINES else 4.5):
                faults.append((name, theme, ground))
    assert faults == []
