"""prompt_toolkit's output on our writer, and a renderer that can print above the prompt."""

import base64
import io
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.data_structures import Size
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output

from chatrepl.terminal.capabilities import window_size
from chatrepl.terminal.screen.prompt_toolkit_internals import StatefulRenderer
from chatrepl.terminal.screen.screen_cells import least_columns
from chatrepl.terminal.tty.writer import TerminalWriter

if TYPE_CHECKING:
    from prompt_toolkit.layout.screen import Screen

__all__ = [
    "DrawnRegion",
    "LiveRenderer",
    "WriterOutput",
    "choose_colour_depth",
    "clipboard_sequence",
]

_SYNCHRONIZED_START = "\x1b[?2026h"
_SYNCHRONIZED_END = "\x1b[?2026l"
_WITHOUT_EFFECT = {_SYNCHRONIZED_START, "\x1b[?25l", "\x1b[?7l", "\x1b[?7h", "\x1b[0m", "\x1b[?25h"}


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
        self._pieces: list[str] = []
        self._is_in_frame = False
        self._is_cursor_shown: bool | None = None
        self._was_cursor_shown: bool | None = None
        self._told_size: Size | None = None
        super().__init__(
            io.StringIO(),
            self._window_size,
            term=os.environ.get("TERM"),
            default_color_depth=colour_depth,
            enable_cpr=False,
        )

    def set_size(self, size: Size | None) -> None:
        """Believe the terminal about its size; None: believe the system again."""
        self._told_size = size

    def system_size(self) -> Size:
        """Return the size that the system tells, which may come after the fact."""
        size = window_size(self._writer.fd)
        return Size(rows=size.lines, columns=size.columns)

    def begin_frame(self) -> None:
        """Hold everything back until ``end_frame``."""
        self._is_in_frame = True
        self._was_cursor_shown = self._is_cursor_shown
        self._pieces.append(_SYNCHRONIZED_START)

    def end_frame(self, last: str = "", *, first: str = "") -> bool:
        """Send the frame between two sequences, unless it changes nothing (False)."""
        self._is_in_frame = False
        stays_shown = self._was_cursor_shown and self._is_cursor_shown
        if stays_shown and _WITHOUT_EFFECT.issuperset(self._pieces):
            self._pieces.clear()
            return False
        self._pieces.insert(0, first)
        self._pieces.append(last + _SYNCHRONIZED_END)
        self.flush()
        return True

    def drop_frame(self) -> None:
        """Forget the frame."""
        self._is_in_frame = False
        self._is_cursor_shown = self._was_cursor_shown
        self._pieces.clear()

    def _window_size(self) -> Size:
        return self._told_size or self.system_size()

    def write(self, data: str) -> None:
        """Collect text, without control sequences."""
        self._pieces.append(data.replace("\x1b", "?"))

    def write_raw(self, data: str) -> None:
        """Collect text with control sequences."""
        self._pieces.append(data)

    def flush(self) -> None:
        """Send what was collected."""
        if self._is_in_frame or not self._pieces:
            return
        data = "".join(self._pieces)
        self._pieces.clear()
        self._writer.write(data.encode(self._encoding, "replace"))

    def fileno(self) -> int:
        """Return the descriptor that is written to."""
        return self._writer.fd

    def encoding(self) -> str:
        """Return the terminal's encoding."""
        return self._encoding

    def erase_down(self) -> None:
        """Erase from the cursor on, which is in the first column.

        tmux takes an erasure that begins in the screen's first cell for a cleared screen, and keeps
        what was there in its history: so the first cell goes by itself.
        """
        self.write_raw("\x1b[K\x1b[C\x1b[J\x1b[D")

    def hide_cursor(self) -> None:
        """Hide the cursor, unless it is hidden."""
        if self._is_cursor_shown is not False:
            self._is_cursor_shown = False
            self.write_raw("\x1b[?25l")

    def show_cursor(self) -> None:
        """Show the cursor, unless it is shown, and leave its blinking as the user has it."""
        if not self._is_cursor_shown:
            self._is_cursor_shown = True
            self.write_raw("\x1b[?25h")

    def enable_bracketed_paste(self) -> None:
        """Do nothing: it is on already."""

    def disable_bracketed_paste(self) -> None:
        """Do nothing: it stays on."""


class LiveRenderer(StatefulRenderer):
    """Draws the live region, and tells what of it is on the screen."""

    _widest: tuple[int, ...] = ()

    def erase(self, leave_alternate_screen: bool = True) -> None:
        """Erase all that was drawn."""
        self._widest = ()
        super().erase(leave_alternate_screen)

    def note_widths(self) -> None:
        """Remember how wide each row has been since it was last empty.

        For tmux a row stays as wide when its end is erased, and is wrapped accordingly.
        """
        screen = self.last_rendered_screen
        if screen is not None:
            used = [_used(screen, y, self.has_style) for y in range(screen.height)]
            before = self._widest[: screen.height]
            self._widest = tuple(map(max, used, before + (0,) * (len(used) - len(before))))

    def erase_rows_above(self, rows: int) -> None:
        """Erase from so many rows above the cursor on (below: negative), and start there afresh."""
        self.reset()
        self.output.write_raw("\r" + (f"\x1b[{-rows}B" if rows < 0 else ""))
        self.output.cursor_up(max(0, rows))
        self.erase()

    def drawn_region(self) -> "DrawnRegion | None":
        """Return what is on the screen; None: nothing."""
        screen = self.last_rendered_screen
        if screen is None:
            return None
        return DrawnRegion(screen, self.cursor.x, self.cursor.y, self._widest, self.has_style)


class DrawnRegion:
    """The live region as it was drawn, with the cursor's column and row in it."""

    def __init__(
        self,
        screen: "Screen",
        x: int,
        y: int,
        widest: Sequence[int] = (),
        has_style: Callable[[str], bool] = bool,
    ) -> None:
        self._screen, self._x, self._y = screen, x, y
        self._widest, self._has_style = widest, has_style
        self._lengths: list[int] | None = None

    def _length(self, y: int) -> int:
        return self._widest[y] if y < len(self._widest) else _used(self._screen, y, self._has_style)

    def rows_above(self, columns: int | None = None, *, cut_at: int | None = None) -> int:
        """Return how many rows are above the cursor when rows are wrapped at ``columns``.

        ``cut_at`` is the width of the window that the region was drawn into, if it was narrower.
        """
        if columns is None:
            return self._y
        if self._lengths is None:
            self._lengths = [self._length(y) for y in range(self._y)]
        most = cut_at or max(self._lengths, default=0)
        above = sum(max(1, -(-min(length, most) // columns)) for length in self._lengths)
        return above + min(self._x, (cut_at or self._x + 1) - 1) // columns

    def rows_below(self, columns: int, *, of: int | None = None) -> int:
        """Return how many rows are below the cursor's when rows are wrapped at ``columns``.

        ``of``: how many rows there were below it in all, blank ones after the region's included.
        """
        last = self._screen.height if of is None else self._y + 1 + of
        lengths = [self._length(y) for y in range(self._y + 1, last)]
        # The cursor's own row may be wrapped, too.
        own = max(0, (self._length(self._y) - 1) // columns - self._x // columns)
        return own + sum(max(1, -(-length // columns)) for length in lengths)


def _used(screen: "Screen", y: int, has_style: Callable[[str], bool]) -> int:
    """Return how many columns of a row are used, at the least."""
    row = screen.data_buffer[y]
    used = [x for x, cell in row.items() if cell.char != " " or has_style(cell.style)]
    return least_columns(row[x] for x in range(max(used, default=-1) + 1))


def clipboard_sequence(text: str) -> bytes:
    """Return what asks a terminal to take a text into its clipboard (OSC 52)."""
    return b"\x1b]52;c;" + base64.b64encode(text.encode("utf-8", "replace")) + b"\x07"


def choose_colour_depth(environment: Mapping[str, str]) -> ColorDepth:
    """Choose what the terminal can show; ``NO_COLOR`` means none."""
    if environment.get("NO_COLOR"):
        return ColorDepth.DEPTH_1_BIT
    if environment.get("COLORTERM") in ("truecolor", "24bit"):
        return ColorDepth.DEPTH_24_BIT
    if environment.get("TERM") in ("linux", "eterm-color"):
        return ColorDepth.DEPTH_4_BIT
    return ColorDepth.DEPTH_8_BIT
