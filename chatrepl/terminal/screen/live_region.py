"""What the live region shows, from top to bottom, and how its rows are shared out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Point
from prompt_toolkit.layout.containers import Container, Window
from prompt_toolkit.layout.dimension import Dimension
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Char, Screen, WritePosition

from chatrepl.core.text.terminal_safe import safe_line
from chatrepl.terminal.screen.pending_lines import NARROW_COLUMNS
from chatrepl.terminal.screen.screen_cells import Row, cut_row, draw_row, row_of_line, row_of_text

__all__ = ["Region", "RegionState"]

_SHOWN_QUEUED = 3
_SHOWN_SUGGESTIONS = 8
_NAME_COLUMNS = 28
_TAIL_SHARE = 3
_LEAST_TAIL = 3


@dataclass(slots=True)
class RegionState:
    """The rows around the input line; lines carry SGR sequences, texts are plain."""

    tail: Sequence[str] = ()
    status: str = ""
    queued: Sequence[str] = ()
    hint: str = ""
    question: str = ""
    mark: str = "> "
    """What stands before a message."""
    toolbar: Callable[[], str] = field(default=lambda: "")


@dataclass(slots=True)
class _Shares:
    tail: list[Row]
    others: list[Row]
    input_rows: int
    menu: list[Row]
    toolbar: list[Row]

    @property
    def rows(self) -> int:
        return (
            len(self.tail) + len(self.others) + self.input_rows + len(self.menu) + len(self.toolbar)
        )


@dataclass(slots=True)
class _Drawn:
    """A window as it was drawn, at its own origin."""

    window: Window
    columns: int
    rows: list[dict[int, Char]]
    cursor: Point


class Region(Container):
    """Tail, status, queued messages, the window that is typed in, menu, and toolbar.

    Drawing the window costs more than all else. While ``is_input_same`` it is drawn as it was last
    time; whoever changes more than the tail, or may have, sets that to False.
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
        self._shares = _Shares([], [], 1, [], [])
        self._shared_for = (0, 0)
        self.is_input_same = False
        self._drawn: _Drawn | None = None
        self._wanted: tuple[int, int, int] = (0, 0, 0)
        """For so many columns and rows, the window wants so many rows."""

    def tail_room(self, columns: int, rows: int) -> int:
        """Return how many rows of tail fit above the rest."""
        is_known = self.is_input_same and self._shared_for == (columns, rows)
        shares = self._shares if is_known else self._share(columns, rows)
        return min(max(0, rows - (shares.rows - len(shares.tail))), self._most_tail(rows))

    @property
    def is_compact(self) -> bool:
        """Whether no row above the input is so long that a narrow window would wrap it.

        Then it is the same to a frame on its way what width the window has when it arrives.
        """
        return self._is_rewrapping and (self.is_resizing or self.is_flooded)

    def _most_tail(self, rows: int) -> int:
        """Return how tall a tail may be: in a window of half the height the region must fit."""
        if self.is_compact:
            return 0
        return _LEAST_TAIL if self.is_resizing else max(_LEAST_TAIL, rows // _TAIL_SHARE)

    def _tail(self, most: int, room: int) -> list[Row]:
        """Return the tail's last rows: so few that none of them scrolls off in a resize.

        What scrolled off can't be taken back, and would stay beside the finished lines. ``room`` is
        how many rows there are when the terminal wraps them in a narrow window.
        """
        tail: list[Row] = []
        for line in reversed(self._state.tail[-most:] if most > 0 else ()):
            row = row_of_line(line)
            room -= -(-len(row) // NARROW_COLUMNS)
            if self._is_rewrapping and tail and room < 0:
                break
            tail.insert(0, row)
        return tail

    # What prompt_toolkit calls.

    def reset(self) -> None:
        """Reset the windows."""
        for window in self._windows():
            window.reset()

    def preferred_width(self, max_available_width: int) -> Dimension:
        """Take the whole width."""
        return Dimension(preferred=max_available_width)

    def preferred_height(self, width: int, max_available_height: int) -> Dimension:
        """Take as many rows as there is something to show, at most the screen's."""
        self._shares = self._share(width, max_available_height)
        self._shared_for = (width, max_available_height)
        return Dimension.exact(self._shares.rows)

    def get_children(self) -> list[Container]:
        """Return the windows that can be typed in."""
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
        """Draw what ``preferred_height``, which comes first, has shared out."""
        columns, shares = write_position.width, self._shares
        y = _draw(screen, [*shares.tail, *shares.others], 0, columns)
        place = WritePosition(xpos=0, ypos=y, width=columns, height=shares.input_rows)
        if not self._draw_same(screen, place):
            window = self._active()
            window.write_to_screen(screen, mouse_handlers, place, parent_style, erase_bg, z_index)
            self._remember(screen, window, place)
        y = _draw(screen, shares.menu, y + shares.input_rows, columns)
        if self._is_searching() and shares.toolbar:
            place = WritePosition(xpos=0, ypos=y, width=columns, height=1)
            self._search.write_to_screen(
                screen, mouse_handlers, place, parent_style, erase_bg, z_index
            )
            y += 1
        else:
            y = _draw(screen, shares.toolbar, y, columns)
        screen.width, screen.height = columns, max(screen.height, y)

    def _draw_same(self, screen: Screen, place: WritePosition) -> bool:
        """Draw the window as it was; False: it must be drawn anew."""
        drawn = self._drawn
        if drawn is None or not self.is_input_same:
            return False
        if (place.width, place.height) != (drawn.columns, len(drawn.rows)):
            return False
        screen.data_buffer.update(enumerate(drawn.rows, place.ypos))  # type: ignore[arg-type]
        screen.set_cursor_position(drawn.window, Point(drawn.cursor.x, drawn.cursor.y + place.ypos))
        screen.visible_windows_to_write_positions[drawn.window] = place
        screen.show_cursor = True
        screen.height = place.ypos + place.height
        return True

    def _remember(self, screen: Screen, window: Window, place: WritePosition) -> None:
        cursor = screen.cursor_positions.get(window)
        self._drawn = None
        if cursor is None or not screen.show_cursor or self._is_searching():
            return
        rows: list[dict[int, Char]] = [
            screen.data_buffer[y] for y in range(place.ypos, place.ypos + place.height)
        ]
        self._drawn = _Drawn(window, place.width, rows, Point(cursor.x, cursor.y - place.ypos))
        self.is_input_same = True

    def _windows(self) -> list[Window]:
        return [self._main, self._answer, self._search]

    def _active(self) -> Window:
        return self._answer if self._state.question else self._main

    def _share(self, columns: int, rows: int) -> _Shares:
        toolbar = self._toolbar() if rows >= 3 or self._is_searching() else []
        others = self._others()
        room = rows - len(toolbar)
        wanted = self._wanted_rows(columns, rows)
        above = len(self._state.tail) + len(others)
        # A draft of many rows scrolls in its place: what was said about it stays in view.
        input_rows = max(1, min(wanted, room - min(above, room // 3), max(room * 2 // 3, 3)))
        menu = self._menu(room - input_rows, columns)
        room -= input_rows + len(menu)
        others = others[-room:] if room > 0 else []
        most = min(room - len(others), self._most_tail(rows))
        fixed = len(others) + input_rows + len(menu) + len(toolbar)
        tail = self._tail(most, rows // 2 - fixed)
        return _Shares(tail, others, input_rows, menu, toolbar)

    def _wanted_rows(self, columns: int, rows: int) -> int:
        if not self.is_input_same or self._wanted[:2] != (columns, rows):
            wanted = self._active().preferred_height(columns, rows).preferred
            self._wanted = (columns, rows, wanted)
        return self._wanted[2]

    def _others(self) -> list[Row]:
        state = self._state
        rows = [
            row_of_text(f"  {state.mark}{text}", "dim") for text in state.queued[:_SHOWN_QUEUED]
        ]
        more = len(state.queued) - _SHOWN_QUEUED
        if more > 0:
            rows.append(row_of_text(f"    … {more} more", "dim"))
        # While a question is asked it is the person who is waited for.
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
        shown = min(_SHOWN_SUGGESTIONS, room)
        if state is None or shown <= 0:
            return []
        chosen = state.complete_index
        start = max(0, (chosen or 0) - shown + 1)
        items = state.completions[start : start + shown]
        width = min(max(len(item.display_text) for item in items), _NAME_COLUMNS, columns)
        rows = []
        for index, item in enumerate(items, start):
            name = item.display_text.ljust(width)
            line = f"  {name}  {item.display_meta_text}"
            rows.append(row_of_text(line, "reverse" if index == chosen else "dim"))
        return rows


def _draw(screen: Screen, rows: Sequence[Row], y: int, columns: int) -> int:
    for row in rows:
        draw_row(screen, y, row, columns)
        y += 1
    return y
