"""Live region: its rows from top to bottom, and how many of them each part gets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.layout import Container, Dimension, Window
from prompt_toolkit.layout.screen import Char, Screen

from chatrepl.core.text.terminal_safe import safe_line
from chatrepl.terminal.screen.pending_lines import NARROW_COLUMNS
from chatrepl.terminal.screen.prompt_toolkit_internals import MouseHandlers, Point, WritePosition
from chatrepl.terminal.screen.screen_cells import Row, cut_row, draw_row, row_of_line, row_of_text

_MAX_QUEUED = 3
_MAX_SUGGESTIONS = 8
_MAX_NAME_COLUMNS = 28
_TAIL_SHARE = 3
_MIN_TAIL = 3


@dataclass(slots=True)
class RegionState:
    """Contents around the input line; lines carry SGR sequences, texts are plain."""

    tail: Sequence[str] = ()
    """Lines of an answer that may still change."""
    status: str = ""
    """A line."""
    queued: Sequence[str] = ()
    """Messages that wait to be sent."""
    hint: str = ""
    """Shown in the toolbar's place."""
    question: str = ""
    """A question is asked while this is not empty."""
    mark: str = "> "
    """Prompt before a message."""
    toolbar: Callable[[], str] = field(default=lambda: "")


@dataclass(slots=True)
class _Layout:
    """Rows of all parts, cut to what fits into a window."""

    size: tuple[int, int] = (0, 0)
    """The window's columns and rows."""
    wanted_rows: int = 1
    """Rows that the input would take if all fitted."""
    input_rows: int = 1
    tail: list[Row] = field(default_factory=list)
    others: list[Row] = field(default_factory=list)
    menu: list[Row] = field(default_factory=list)
    toolbar: list[Row] = field(default_factory=list)

    @property
    def rows_without_tail(self) -> int:
        return len(self.others) + self.input_rows + len(self.menu) + len(self.toolbar)


@dataclass(slots=True)
class _DrawnWindow:
    """A window as it was drawn, at its own origin."""

    window: Window
    columns: int
    rows: list[dict[int, Char]]
    cursor: Point


class Region(Container):
    """Container of tail, queued messages, status, question, input window, menu and toolbar.

    Drawing the input window costs more than all else. It is drawn as it was last time until
    ``forget_input`` is called, which has to be done by all that may have changed more than the
    tail.
    """

    def __init__(
        self,
        state: RegionState,
        *,
        main: Window,
        buffer: Buffer,
        answer: Window,
        search: Window,
        is_searching: Callable[[], bool],
        is_rewrapping: bool,
    ) -> None:
        self._state = state
        self._is_rewrapping = is_rewrapping
        self.is_flooded = False
        """Much is being printed above."""
        self.is_resizing = False
        """The window's size changes, and may at once change again."""
        self._main, self._buffer = main, buffer
        self._answer, self._search = answer, search
        self._is_searching = is_searching
        self._layout = _Layout()
        """As last drawn."""
        self._drawn: _DrawnWindow | None = None

    @property
    def is_input_same(self) -> bool:
        """True if the input window can be drawn as it was last time."""
        return self._drawn is not None

    def forget_input(self) -> None:
        """Draw the input window anew in the next frame."""
        self._drawn = None

    def tail_room(self, columns: int, rows: int) -> int:
        """Return how many rows of tail fit above the rest."""
        is_known = self.is_input_same and self._layout.size == (columns, rows)
        layout = self._layout if is_known else self._lay_out(columns, rows)
        return min(max(0, rows - layout.rows_without_tail), self._max_tail(rows))

    @property
    def is_compact(self) -> bool:
        """True if no row above the input is so long that a narrow window would wrap it.

        Then a frame that is on its way while the width changes has the same effect at any width.
        """
        return self._is_rewrapping and (self.is_resizing or self.is_flooded)

    def _max_tail(self, rows: int) -> int:
        """Return how high a tail may be: the region must fit into a window half as high."""
        if self.is_compact:
            return 0
        return _MIN_TAIL if self.is_resizing else max(_MIN_TAIL, rows // _TAIL_SHARE)

    def _tail(self, max_rows: int, wrapped_room: int) -> list[Row]:
        """Return the tail's last rows: so few that none of them scrolls off in a resize.

        Rows that scrolled off can't be erased, and would stay above the finished lines.
        ``wrapped_room`` is how many rows there are for them when a narrow window wraps them.
        """
        tail: list[Row] = []
        for line in reversed(self._state.tail[-max_rows:] if max_rows > 0 else ()):
            row = row_of_line(line)
            wrapped_room -= -(-len(row) // NARROW_COLUMNS)
            if self._is_rewrapping and tail and wrapped_room < 0:
                break
            tail.insert(0, row)
        return tail

    # Called by prompt_toolkit.

    def reset(self) -> None:
        """Reset the windows."""
        for window in self._windows():
            window.reset()

    def preferred_width(self, max_available_width: int) -> Dimension:
        """Take the whole width."""
        return Dimension(preferred=max_available_width)

    def preferred_height(self, width: int, max_available_height: int) -> Dimension:
        """Lay out the parts; take the rows that they need, at most the screen's."""
        self._layout = layout = self._lay_out(width, max_available_height)
        return Dimension.exact(len(layout.tail) + layout.rows_without_tail)

    def get_children(self) -> list[Container]:
        """Return the windows that can have the focus."""
        return [*self._windows()]

    def write_to_screen(
        self,
        screen: Screen,
        mouse_handlers: MouseHandlers,
        write_position: WritePosition,
        parent_style: str,
        erase_bg: bool,
        z_index: int | None,
    ) -> None:
        """Draw what ``preferred_height``, which is called first, has laid out."""
        columns, layout = write_position.width, self._layout
        y = _draw(screen, [*layout.tail, *layout.others], 0, columns)
        place = WritePosition(xpos=0, ypos=y, width=columns, height=layout.input_rows)
        if not self._draw_same(screen, place):
            window = self._active()
            window.write_to_screen(screen, mouse_handlers, place, parent_style, erase_bg, z_index)
            self._drawn = self._copy_window(screen, window, place)
        y = _draw(screen, layout.menu, y + layout.input_rows, columns)
        if self._is_searching() and layout.toolbar:
            place = WritePosition(xpos=0, ypos=y, width=columns, height=1)
            self._search.write_to_screen(
                screen, mouse_handlers, place, parent_style, erase_bg, z_index
            )
            y += 1
        else:
            y = _draw(screen, layout.toolbar, y, columns)
        screen.width, screen.height = columns, max(screen.height, y)

    def _draw_same(self, screen: Screen, place: WritePosition) -> bool:
        """Draw the input window as it was; False: it must be drawn anew."""
        drawn = self._drawn
        if drawn is None or (place.width, place.height) != (drawn.columns, len(drawn.rows)):
            return False
        screen.data_buffer.update(enumerate(drawn.rows, place.ypos))  # type: ignore[arg-type]
        screen.set_cursor_position(drawn.window, Point(drawn.cursor.x, drawn.cursor.y + place.ypos))
        screen.visible_windows_to_write_positions[drawn.window] = place
        screen.show_cursor = True
        screen.height = place.ypos + place.height
        return True

    def _copy_window(
        self, screen: Screen, window: Window, place: WritePosition
    ) -> _DrawnWindow | None:
        """Return the window as it was drawn; None: it must be drawn anew the next time, too."""
        cursor = screen.cursor_positions.get(window)
        if cursor is None or not screen.show_cursor or self._is_searching():
            return None
        rows: list[dict[int, Char]] = [
            screen.data_buffer[y] for y in range(place.ypos, place.ypos + place.height)
        ]
        return _DrawnWindow(window, place.width, rows, Point(cursor.x, cursor.y - place.ypos))

    def _windows(self) -> list[Window]:
        return [self._main, self._answer, self._search]

    def _active(self) -> Window:
        return self._answer if self._state.question else self._main

    def _lay_out(self, columns: int, rows: int) -> _Layout:
        """Give each part its rows: toolbar and input first, then menu, others and tail."""
        toolbar = self._toolbar() if rows >= 3 or self._is_searching() else []
        others = self._others()
        room = rows - len(toolbar)
        wanted_rows = self._wanted_rows(columns, rows)
        above = len(self._state.tail) + len(others)
        # A draft of many rows scrolls in its place: the answer above it stays in view.
        max_input = max(room * 2 // 3, 3)
        input_rows = max(1, min(wanted_rows, room - min(above, room // 3), max_input))
        menu = self._menu(room - input_rows, columns)
        room -= input_rows + len(menu)
        others = others[-room:] if room > 0 else []
        layout = _Layout((columns, rows), wanted_rows, input_rows, [], others, menu, toolbar)
        max_tail = min(room - len(others), self._max_tail(rows))
        layout.tail = self._tail(max_tail, rows // 2 - layout.rows_without_tail)
        return layout

    def _wanted_rows(self, columns: int, rows: int) -> int:
        if self.is_input_same and self._layout.size == (columns, rows):
            return self._layout.wanted_rows
        return self._active().preferred_height(columns, rows).preferred

    def _others(self) -> list[Row]:
        """Return queued messages, status and question."""
        state = self._state
        shown = state.queued[:_MAX_QUEUED]
        rows = [row_of_text(f"  {state.mark}{text}", "dim") for text in shown]
        more = len(state.queued) - len(shown)
        if more > 0:
            rows.append(row_of_text(f"    … {more} more", "dim"))
        # While a question is asked, a status that says what else is waited for would mislead.
        if state.status and not state.question:
            rows.append(row_of_line(state.status))
        if self.is_compact:
            rows = [cut_row(row, NARROW_COLUMNS) for row in rows]
        if state.question:
            rows.append(row_of_text(safe_line(state.question)))
        return rows

    def _toolbar(self) -> list[Row]:
        text = " " if self._is_searching() else self._state.hint or self._state.toolbar()
        return [row_of_text(text, "dim")] if text else []

    def _menu(self, room: int, columns: int) -> list[Row]:
        state = self._buffer.complete_state
        max_rows = min(_MAX_SUGGESTIONS, room)
        if state is None or max_rows <= 0:
            return []
        selected = state.complete_index
        start = max(0, (selected or 0) - max_rows + 1)
        items = state.completions[start : start + max_rows]
        width = min(max(len(item.display_text) for item in items), _MAX_NAME_COLUMNS, columns)
        rows = []
        for index, item in enumerate(items, start):
            name = item.display_text.ljust(width)
            line = f"  {name}  {item.display_meta_text}"
            rows.append(row_of_text(line, "reverse" if index == selected else "dim"))
        return rows


def _draw(screen: Screen, rows: Sequence[Row], y: int, columns: int) -> int:
    """Draw rows from row ``y`` on; return the row after the last one."""
    for row in rows:
        draw_row(screen, y, row, columns)
        y += 1
    return y
