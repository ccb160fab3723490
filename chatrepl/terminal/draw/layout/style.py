"""Terminal capabilities, and the table of named styles.

``DrawStyle`` holds the capabilities and preferences that drawing depends on; ``sgr`` turns style
names into the escape sequence that begins them. Only foreground colours are used, so that text
stays legible on any background and is copied clean. The ``auto`` theme keeps to the terminal's own
sixteen colours, which its owner has chosen to be legible; ``dark`` and ``light`` have colours of
their own where the terminal has 256 or more, and need a background that is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Literal

from rich.color import ColorSystem
from rich.style import Style

from chatrepl.core.text.terminal_safe import is_unicode

Theme = Literal["auto", "dark", "light"]

RESET = "\x1b[0m"


class ColorDepth(Enum):
    """Number of colours a terminal has; ``NONE`` means no styling at all, not even bold."""

    TRUECOLOR = ColorSystem.TRUECOLOR
    COLORS_256 = ColorSystem.EIGHT_BIT
    COLORS_16 = ColorSystem.STANDARD
    NONE = None


# Our own signs, for terminals without UTF-8.
_ASCII_SIGNS = str.maketrans(
    dict(zip("─━┼│▕▏·—❯✻•◦▪✓✗", "-#+|[]-->*-*++x", strict=True))  # noqa: RUF001
    | {"…": "...", "⋯": "...", "☐": "[ ]", "☑": "[x]"}
)


@dataclass(frozen=True, slots=True)
class DrawStyle:
    """Capabilities and preferences. The default fits a pipe or a dumb terminal: plain lines."""

    colors: ColorDepth = ColorDepth.NONE
    hyperlinks: bool = False
    """The terminal supports hyperlinks (OSC 8)."""
    unicode: bool = True
    """The terminal shows UTF-8; otherwise bullets, bars and rules are ASCII."""
    theme: Theme = "auto"
    show_thinking: bool = True
    """Draw the model's reasoning; otherwise one line says that it thinks."""

    @property
    def has_colors(self) -> bool:
        """True if text can be styled at all."""
        return self.colors is not ColorDepth.NONE

    def signs(self, text: str) -> str:
        """Return our own signs (rules, bars, marks) as the terminal can show them."""
        return text if self.unicode else text.translate(_ASCII_SIGNS)


def detect_style(
    environment: Mapping[str, str],
    *,
    is_terminal: bool,
    encoding: str = "utf-8",
    theme: Theme = "auto",
    show_thinking: bool = True,
) -> DrawStyle:
    """Derive a terminal's capabilities from its environment variables.

    Honours ``NO_COLOR`` (https://no-color.org), ``TERM`` and ``COLORTERM``.
    """
    term = environment.get("TERM", "").lower()
    is_plain = not is_terminal or term in ("", "dumb", "unknown")
    return DrawStyle(
        colors=ColorDepth.NONE if is_plain else _color_depth(environment, term),
        hyperlinks=not is_plain and _shows_hyperlinks(environment, term),
        unicode=is_unicode(encoding),
        theme=theme,
        show_thinking=show_thinking,
    )


def detect_background(environment: Mapping[str, str]) -> Theme | None:
    """Read the background from ``COLORFGBG``, two numbers of the 16 colours; None if unknown."""
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    if not background.isdecimal() or int(background) > 15:
        return None
    return "light" if int(background) in (7, *range(9, 16)) else "dark"


def _color_depth(environment: Mapping[str, str], term: str) -> ColorDepth:
    if environment.get("NO_COLOR"):
        return ColorDepth.NONE
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return ColorDepth.TRUECOLOR
    if term.endswith("-direct") or environment.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm"):
        return ColorDepth.TRUECOLOR
    return ColorDepth.COLORS_256 if "256" in term or "kitty" in term else ColorDepth.COLORS_16


def _shows_hyperlinks(environment: Mapping[str, str], term: str) -> bool:
    """Return whether the terminal is known to support OSC 8; others just show no link."""
    if environment.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper"):
        return True
    if environment.get("WT_SESSION") or environment.get("KONSOLE_VERSION"):
        return True
    vte_version = environment.get("VTE_VERSION", "")
    if vte_version.isdecimal() and int(vte_version) >= 5000:
        return True
    return any(name in term for name in ("kitty", "alacritty", "foot", "ghostty", "contour"))


# name: (the terminal's own colours, on a dark background, on a light background)
_STYLES: Mapping[str, tuple[str, str, str]] = {
    "strong": ("bold", "bold", "bold"),
    "emphasis": ("italic", "italic", "italic"),
    "strike": ("strike", "strike", "strike"),
    "heading1": ("bold underline magenta", "bold underline #d7afff", "bold underline #6c1fb3"),
    "heading2": ("bold magenta", "bold #c39bff", "bold #6c1fb3"),
    "heading3": ("bold cyan", "bold #8fc7ff", "bold #0b57a4"),
    "heading4": ("bold", "bold", "bold"),
    "bullet": ("cyan", "#8fc7ff", "#0b57a4"),
    "bar": ("dim", "#7f8a98", "#79818b"),
    "rule": ("dim", "#7f8a98", "#79818b"),
    "code": ("green", "#e6c07b", "#8a4b00"),
    "code.block": ("", "", ""),
    "code.label": ("dim", "#9aa4b3", "#5b656e"),
    "code.comment": ("dim", "italic #9caabb", "italic #5b656e"),
    "code.keyword": ("magenta", "#c792ea", "#a626a4"),
    "code.name": ("blue", "#82aaff", "#3054c8"),
    "code.type": ("cyan", "#7fdbca", "#0b6e8a"),
    "code.string": ("green", "#a5d6a0", "#2a7430"),
    "code.number": ("cyan", "#f5a97f", "#a35100"),
    "code.operator": ("", "", ""),
    "code.inserted": ("green", "#8fd694", "#187533"),
    "code.deleted": ("red", "#ff8f8f", "#c4232f"),
    "code.heading": ("bold", "bold #8fc7ff", "bold #0b57a4"),
    "link": ("underline blue", "underline #8fc7ff", "underline #0b57a4"),
    "link.target": ("dim", "#9aa4b3", "#5b656e"),
    "math": ("cyan", "#7fdbca", "#0b6e8a"),
    "muted": ("dim", "#9aa4b3", "#5b656e"),
    "table.head": ("bold", "bold", "bold"),
    "table.line": ("dim", "#7f8a98", "#79818b"),
    "thinking": ("dim italic", "italic #9aa4b3", "italic #5b656e"),
    "thinking.label": ("dim", "#9aa4b3", "#5b656e"),
    "prompt": ("bold green", "bold #8fd694", "bold #187533"),
    "user": ("bold", "bold", "bold"),
    "info": ("dim", "#9aa4b3", "#5b656e"),
    "success": ("green", "#8fd694", "#187533"),
    "warning": ("yellow", "#e6c07b", "#8a4b00"),
    "error": ("bold red", "bold #ff8f8f", "bold #c4232f"),
    "refusal": ("bold yellow", "bold #e6c07b", "bold #8a4b00"),
    "title": ("bold", "bold", "bold"),
    "unsure.little": ("cyan", "#7fdbca", "#0b6e8a"),
    "unsure.much": ("magenta", "#f5a97f", "#a35100"),
    "unsure.guess": ("bold underline red", "bold underline #ff8f8f", "bold underline #c4232f"),
    "progress": ("cyan", "#7fdbca", "#0b6e8a"),
}
_COLUMNS: Mapping[Theme, int] = {"auto": 0, "dark": 1, "light": 2}


@lru_cache(maxsize=2048)
def sgr(style: DrawStyle, names: tuple[str, ...]) -> str:
    """Return the SGR sequence that begins text of these named styles; later names win.

    Empty for the terminal's own look; otherwise ``RESET`` has to follow the text.
    """
    column = 0 if style.colors is ColorDepth.COLORS_16 else _COLUMNS[style.theme]
    combined = Style.combine([Style.parse(_STYLES[name][column]) for name in names])
    return combined.render("x", color_system=style.colors.value).partition("x")[0]
