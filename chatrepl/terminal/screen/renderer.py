"""Output of whole frames, and a renderer that knows the rows of the region it drew."""

import base64
import io
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output

from chatrepl.terminal.capabilities import window_size
from chatrepl.terminal.screen.prompt_toolkit_internals import Size, StatefulRenderer
from chatrepl.terminal.screen.screen_cells import least_columns
from chatrepl.terminal.tty.writer import TerminalWriter

if TYPE_CHECKING:
    from prompt_toolkit.layout.screen import Screen


# Synchronized output: terminals that know it show what is between at once, others ignore it.
_SYNCHRONIZED_START = "\x1b[?2026h"
_SYNCHRONIZED_END = "\x1b[?2026l"
# The sequences of a frame that changes nothing; the cursor is hidden, and shown again.
_WITHOUT_EFFECT = {_SYNCHRONIZED_START, "\x1b[?25l", "\x1b[?7l", "\x1b[?7h", "\x1b[0m", "\x1b[?25h"}


class WriterOutput(Vt100_Output):
    """Output that collects a whole frame and hands it to the writer in one piece.

    It never queries the terminal. Bracketed paste stays on from the start to the end of the
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
        """None: not known."""
        self._was_cursor_shown: bool | None = None
        """Before the frame."""
        self._reported_size: Size | None = None
        super().__init__(
            io.StringIO(),
            self._window_size,
            term=os.environ.get("TERM"),
            default_color_depth=colour_depth,
            enable_cpr=False,
        )

    def set_size(self, size: Size | None) -> None:
        """Use a size that the terminal reported; None: use the system's again."""
        self._reported_size = size

    def system_size(self) -> Size:
        """Return the size that the system tells, which may lag behind the terminal's."""
        size = window_size(self._writer.fd)
        return Size(rows=size.lines, columns=size.columns)

    def _window_size(self) -> Size:
        return self._reported_size or self.system_size()

    def begin_frame(self) -> None:
        """Hold everything back until ``end_frame``."""
        self._is_in_frame = True
        self._was_cursor_shown = self._is_cursor_shown
        self._pieces.append(_SYNCHRONIZED_START)

    def end_frame(self, prefix: str = "", suffix: str = "") -> bool:
        """Send the frame between two sequences; False: it changes nothing, and was not sent."""
        self._is_in_frame = False
        stays_shown = self._was_cursor_shown and self._is_cursor_shown
        if stays_shown and _WITHOUT_EFFECT.issuperset(self._pieces):
            self._pieces.clear()
            return False
        self._pieces.insert(0, prefix)
        self._pieces.append(suffix + _SYNCHRONIZED_END)
        self.flush()
        return True

    def drop_frame(self) -> None:
        """Discard the frame."""
        self._is_in_frame = False
        self._is_cursor_shown = self._was_cursor_shown
        self._pieces.clear()

    # Called by prompt_toolkit.

    def write(self, data: str) -> None:
        """Collect text; control sequences in it become harmless."""
        self._pieces.append(data.replace("\x1b", "?"))

    def write_raw(self, data: str) -> None:
        """Collect text with control sequences."""
        self._pieces.append(data)

    def flush(self) -> None:
        """Send what was collected, unless a frame is being drawn."""
        if self._is_in_frame or not self._pieces:
            return
        data = "".join(self._pieces)
        self._pieces.clear()
        self._writer.write(data.encode(self._encoding, "replace"))

    def fileno(self) -> int:
        """Return the terminal's file descriptor."""
        return self._writer.fd

    def encoding(self) -> str:
        """Return the terminal's encoding."""
        return self._encoding

    def erase_down(self) -> None:
        """Erase from the cursor, which is in the first column, to the screen's end.

        tmux takes an erasure that begins in the screen's first cell for a cleared screen, and
        copies the rows into its history: so the first row is erased by itself.
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
    """Renderer of the live region, with what is needed to find its rows after a resize."""

    _max_widths: tuple[int, ...] = ()
    """Per row, the most columns since it was last empty."""

    def erase(self, leave_alternate_screen: bool = True) -> None:
        """Erase the region; the next one is drawn from its first row on."""
        self._max_widths = ()
        super().erase(leave_alternate_screen)

    def note_widths(self) -> None:
        """Record how wide the rows are that were drawn.

        In tmux a row stays as wide when its end is erased, and is wrapped accordingly.
        """
        screen = self.last_rendered_screen
        if screen is not None:
            widths = [_row_width(screen, y, self.has_style) for y in range(screen.height)]
            former = self._max_widths[: screen.height]
            former += (0,) * (screen.height - len(former))
            self._max_widths = tuple(map(max, widths, former))

    def erase_rows_above(self, rows: int) -> None:
        """Erase from ``rows`` above the cursor on (negative: below it); draw from there next."""
        self.reset()
        self.output.write_raw("\r" + (f"\x1b[{-rows}B" if rows < 0 else ""))
        self.output.cursor_up(max(0, rows))
        self.erase()

    def drawn_region(self) -> "DrawnRegion | None":
        """Return the region on the screen; None: nothing is drawn."""
        screen = self.last_rendered_screen
        if screen is None:
            return None
        x, y = self.cursor
        return DrawnRegion(screen, x, y, self._max_widths, self.has_style)


class DrawnRegion:
    """The live region as it was drawn, with the cursor at column ``x`` of its row ``y``.

    ``max_widths`` are the columns per row as far as they are recorded (see ``note_widths``).
    ``has_style`` tells of which styles a blank at a row's end is drawn.
    """

    def __init__(
        self,
        screen: "Screen",
        x: int,
        y: int,
        max_widths: Sequence[int] = (),
        has_style: Callable[[str], bool] = bool,
    ) -> None:
        self._screen, self._x, self._y = screen, x, y
        self._max_widths, self._has_style = max_widths, has_style
        self._widths_above: list[int] | None = None

    def _width(self, y: int) -> int:
        if y < len(self._max_widths):
            return self._max_widths[y]
        return _row_width(self._screen, y, self._has_style)

    def rows_above(self, columns: int | None = None, *, cut_at: int | None = None) -> int:
        """Return how many rows are above the cursor's when wrapped at ``columns``.

        ``columns`` None: as they were drawn. ``cut_at`` is the width of the window that received
        the region, if it was narrower than the one that it was drawn for.
        """
        if columns is None:
            return self._y
        if self._widths_above is None:
            # Computed once, and only when the window changes.
            self._widths_above = [self._width(y) for y in range(self._y)]
        max_width = cut_at or max(self._widths_above, default=0)
        above = sum(max(1, -(-min(width, max_width) // columns)) for width in self._widths_above)
        # The part of the cursor's own row before it may be wrapped, too.
        return above + min(self._x, (cut_at or self._x + 1) - 1) // columns

    def rows_below(self, columns: int, *, screen_rows: int | None = None) -> int:
        """Return how many rows are below the cursor's when wrapped at ``columns``.

        ``screen_rows`` is how many there were on the screen before, with blank ones below the
        region; None: the region's own.
        """
        end = self._screen.height if screen_rows is None else self._y + 1 + screen_rows
        widths = [self._width(y) for y in range(self._y + 1, end)]
        # The part of the cursor's own row behind it may be wrapped, too.
        own = max(0, (self._width(self._y) - 1) // columns - self._x // columns)
        return own + sum(max(1, -(-width // columns)) for width in widths)


def _row_width(screen: "Screen", y: int, has_style: Callable[[str], bool]) -> int:
    """Return how many columns of a row are drawn, at the least (see ``least_columns``)."""
    row = screen.data_buffer[y]
    drawn = [x for x, cell in row.items() if cell.char != " " or has_style(cell.style)]
    return least_columns(row[x] for x in range(max(drawn, default=-1) + 1))


def clipboard_sequence(text: str) -> bytes:
    """Return the sequence that sets the terminal's clipboard (OSC 52)."""
    return b"\x1b]52;c;" + base64.b64encode(text.encode("utf-8", "replace")) + b"\x07"


def choose_colour_depth(environment: Mapping[str, str]) -> ColorDepth:
    """Return the colours that the terminal can show; none with ``NO_COLOR``."""
    if environment.get("NO_COLOR"):
        return ColorDepth.DEPTH_1_BIT
    if environment.get("COLORTERM") in ("truecolor", "24bit"):
        return ColorDepth.DEPTH_24_BIT
    if environment.get("TERM") in ("linux", "eterm-color"):
        return ColorDepth.DEPTH_4_BIT
    return ColorDepth.DEPTH_8_BIT
