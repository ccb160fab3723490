"""prompt_toolkit's output on our writer, and a renderer that can print above the prompt."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from prompt_toolkit.data_structures import Size
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.renderer import Renderer

from chatrepl.terminal.input.writer import TerminalWriter

if TYPE_CHECKING:
    from prompt_toolkit.layout.screen import Screen

__all__ = ["LiveRenderer", "WriterOutput", "choose_colour_depth", "rewraps", "terminal_size"]

_SYNCHRONIZED_START = "\x1b[?2026h"
_SYNCHRONIZED_END = "\x1b[?2026l"
_WITHOUT_EFFECT = {_SYNCHRONIZED_START, "\x1b[?25l", "\x1b[?7l", "\x1b[?7h", "\x1b[0m", "\x1b[?25h"}


class _NoFile:
    """Stands where prompt_toolkit expects a text file; nothing is written through it."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        return None


class WriterOutput(Vt100_Output):
    """Collects a whole frame and hands it to the writer in one piece.

    Never asks the terminal for anything. Bracketed paste stays on from the start to the end of the
    session, because a paste may come while a frame is on its way.
    """

    def __init__(
        self, writer: TerminalWriter, colour_depth: ColorDepth, encoding: str = "utf-8"
    ) -> None:
        self._writer = writer
        self._encoding = encoding
        self._is_in_frame = False
        self._was_visible: bool | None = None
        super().__init__(
            _NoFile(),  # type: ignore[arg-type]
            lambda: terminal_size(writer.fd),
            term=os.environ.get("TERM"),
            default_color_depth=colour_depth,
            enable_cpr=False,
        )

    def begin_frame(self) -> None:
        """Hold everything back until ``end_frame``."""
        self._is_in_frame = True
        self._was_visible = self._cursor_visible
        self._buffer.append(_SYNCHRONIZED_START)

    def end_frame(self) -> None:
        """Send the frame, unless it changes nothing."""
        self._is_in_frame = False
        if self._was_visible and self._cursor_visible and _WITHOUT_EFFECT.issuperset(self._buffer):
            self._buffer.clear()
            return
        self._buffer.append(_SYNCHRONIZED_END)
        self.flush()

    def drop_frame(self) -> None:
        """Forget the frame."""
        self._is_in_frame = False
        self._cursor_visible = self._was_visible
        self._buffer.clear()

    def flush(self) -> None:
        """Send what was collected."""
        if self._is_in_frame or not self._buffer:
            return
        data = "".join(self._buffer)
        self._buffer.clear()
        self._writer.write(data.encode(self._encoding, "replace"))

    def fileno(self) -> int:
        """Return the descriptor that is written to."""
        return self._writer.fd

    def encoding(self) -> str:
        """Return the terminal's encoding."""
        return self._encoding

    def show_cursor(self) -> None:
        """Show the cursor, and leave its blinking as the user has it."""
        if self._cursor_visible in (False, None):
            self._cursor_visible = True
            self.write_raw("\x1b[?25h")

    def enable_bracketed_paste(self) -> None:
        """Do nothing: it is on already."""

    def disable_bracketed_paste(self) -> None:
        """Do nothing: it stays on."""


_DRAWN = ("_cursor_pos", "_last_screen", "_last_size", "_last_style")


class LiveRenderer(Renderer):
    """Erases what it drew also after the terminal has changed its width."""

    def erase_rewrapped(self, columns: int) -> None:
        """Erase the live region in a terminal that wrapped its rows anew, ``columns`` wide."""
        if self._last_screen is not None and self._last_size is not None:
            above, within = _rows_above(
                self._last_screen, self._cursor_pos.y, self._cursor_pos.x, columns
            )
            self._cursor_pos = self._cursor_pos._replace(y=above + within)
        self.erase()

    def forget(self) -> None:
        """Start afresh at the cursor's place, which must be a row's beginning."""
        self._last_screen = None
        self._last_size = None
        self._cursor_pos = self._cursor_pos._replace(x=0, y=0)

    def snapshot(self) -> dict[str, object]:
        """Remember what is on the screen."""
        return {name: self.__dict__[name] for name in _DRAWN}

    def restore(self, snapshot: dict[str, object]) -> None:
        """Go back to what was remembered: the drawing since then was not sent."""
        self.__dict__.update(snapshot)

    @property
    def drawn_columns(self) -> int | None:
        """The width that the region on the screen was drawn for; None: nothing is drawn."""
        return self._last_size.columns if self._last_size and self._last_screen else None


def wrapped_rows(length: int, columns: int) -> int:
    """Return how many rows a drawn row of so many cells takes when wrapped anew."""
    return max(1, -(-length // columns))


def _rows_above(screen: "Screen", y: int, x: int, columns: int) -> tuple[int, int]:
    above = sum(wrapped_rows(_used(screen, row), columns) for row in range(y))
    return above, x // columns


def _used(screen: "Screen", y: int) -> int:
    row = screen.data_buffer[y]
    used = [x for x, cell in row.items() if cell.char != " " or cell.style not in ("", _PLAIN)]
    return max(used, default=-1) + 1


_PLAIN = "[transparent]"


def terminal_size(fd: int) -> Size:
    """Return the window's size; what the terminal doesn't tell is 24 rows of 80 columns."""
    try:
        columns, rows = os.get_terminal_size(fd)
    except OSError:
        columns = rows = 0
    return Size(rows=rows or 24, columns=columns or 80)


def choose_colour_depth(environment: Mapping[str, str]) -> ColorDepth:
    """Choose what the terminal can show; ``NO_COLOR`` means none."""
    if environment.get("NO_COLOR"):
        return ColorDepth.DEPTH_1_BIT
    if environment.get("COLORTERM") in ("truecolor", "24bit"):
        return ColorDepth.DEPTH_24_BIT
    if environment.get("TERM") in ("linux", "eterm-color"):
        return ColorDepth.DEPTH_4_BIT
    return ColorDepth.DEPTH_8_BIT


def rewraps(environment: Mapping[str, str]) -> bool:
    """Say whether the terminal is known to wrap its rows anew when it becomes narrower.

    Where that is not known the answer is no: then a few stale rows may stay on the screen, while
    a wrong yes would erase finished lines.
    """
    if environment.get("TMUX"):
        return True
    if environment.get("TERM", "").startswith("screen"):
        return False
    programs = ("Apple_Terminal", "iTerm.app", "WezTerm", "ghostty", "vscode", "tmux")
    if environment.get("TERM_PROGRAM") in programs:
        return True
    if environment.get("TERM", "").startswith(("tmux", "xterm-kitty", "alacritty", "foot")):
        return True
    marks = ("VTE_VERSION", "KITTY_WINDOW_ID", "ALACRITTY_WINDOW_ID", "KONSOLE_VERSION")
    return any(environment.get(name) for name in (*marks, "WT_SESSION", "WEZTERM_PANE"))
