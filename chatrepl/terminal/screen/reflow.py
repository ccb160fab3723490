"""Position of the live region after the terminal has re-wrapped its rows at a new width.

A terminal changes its window first and tells the program afterwards. Rows on the screen are wrapped
anew then; a frame that arrives in between is cut at the new width, because it was drawn with
automatic wrapping off. So the same frame takes different rows, by whether it came before or after
the change, and the program cannot know which. Where the terminal answers (tmux), each frame ends
with a query for the window's size and the cursor's row. The reply comes in the query's place in the
stream, so it tells what size the frame was received at.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from chatrepl.terminal.screen.pending_lines import rows_of
from chatrepl.terminal.screen.prompt_toolkit_internals import Size
from chatrepl.terminal.screen.renderer import DrawnRegion

_STORM_S = 0.3
_CHANGING_S = 1.0
_FRESH_S = 0.0015
_MAX_UNANSWERED, _MAX_UNANSWERED_S = 3, 1.0
_MAX_IN_FLIGHT = 8
_ANCHORED_SCREENS = 3
_MAX_PRINTED_LINES = 200
_MAX_WAIT_S = 0.3


@dataclass(slots=True, eq=False)
class SentFrame:
    """A frame that was written, and what is known of how the terminal received it."""

    size: Size
    """The window's size that it was drawn for."""
    before: DrawnRegion | None
    """The region that it erased; None: it stood nowhere, or at another size."""
    lines: Sequence[str]
    """Finished lines that it printed above the region."""
    drawn: DrawnRegion | None
    sent_s: float
    is_resize: bool = False
    """The first frame at a new size."""
    is_compact: bool = False
    """The region is the same at any width."""
    is_bare: bool = False
    """A query by itself, without a frame."""
    received_size: Size | None = None
    """The window's size when it was received; None: not known (yet)."""
    start_row: int | None = None
    """The cursor's row, from 0, before it was received; None: not known."""
    cursor_row: int | None = None
    """The cursor's row, from 0, after it was received; None: not known."""
    is_anchored: bool = False
    """So much has scrolled off that a higher window shows some of it again.

    Then the region's last row stays in the window's last row.
    """
    previous: "SentFrame | None" = None
    """The frame that drew ``before``."""

    @property
    def unerased_rows(self) -> int:
        """Rows this frame failed to erase (negative: erased too many).

        If the window became narrower first, the region above the cursor had more rows than the
        frame knew of, unless the region had itself been cut when it was received. In tmux the
        cursor may stand too high, too.
        """
        if self.before is None or self.received_size is None:
            return 0
        drawn_size = self.previous.received_size if self.previous is not None else None
        cut_at = drawn_size.columns if drawn_size is not None else None
        wrapped = self.before.rows_above(self.received_size.columns, cut_at=cut_at)
        return wrapped - self.before.rows_above() - self._rows_started_too_high()

    def _rows_started_too_high(self) -> int:
        """Return how far the cursor was above its place (see ``Reflow._displacement``)."""
        if self.previous is None or self.start_row is None or self.received_size is None:
            return 0
        row = self.previous.row_at(self.received_size)
        return max(0, row - self.start_row) if row is not None else 0

    def row_at(self, size: Size) -> int | None:
        """Return the cursor's row in a window of another size; None: not known.

        When a window grows higher, scrolled rows come back at its top; when it becomes lower, the
        rows below the cursor are cut off first.
        """
        if not self.is_anchored or self.received_size is None or self.cursor_row is None:
            return None
        rows_cut_off = max(0, self.received_size.rows - size.rows)
        below = max(0, self.received_size.rows - 1 - self.cursor_row - rows_cut_off)
        drawn = self.drawn
        rows_below = drawn.rows_below(size.columns, screen_rows=below) if drawn is not None else 0
        return max(0, size.rows - 1 - rows_below)

    @property
    def is_at_bottom(self) -> bool:
        """True if it is known to have filled the screen to its last row."""
        size, row = self.received_size, self.cursor_row
        if size is None or row is None or self.drawn is None:
            return False
        return row + self.drawn.rows_below(size.columns) == size.rows - 1


@dataclass(slots=True)
class Erasure:
    """Number of rows to erase above the cursor (negative: below it), and lines to print again."""

    rows: int
    lines: Sequence[str] = field(default=())


class Reflow:
    """Record of the frames sent, from which a resize finds the region's first row.

    ``is_rewrapping``: the terminal wraps rows anew. ``is_answering``: it answers size queries.
    """

    def __init__(self, *, is_rewrapping: bool, is_answering: bool) -> None:
        self.is_rewrapping = is_rewrapping
        self.is_paused = False
        """No queries for now: another program may have the terminal's input."""
        self._is_answering = is_answering
        self._is_swapped: bool | None = None
        self._unanswered: deque[SentFrame] = deque()
        self._last: SentFrame | None = None
        """The last frame sent, bare queries aside."""
        self._newest_reply: SentFrame | None = None
        self._cursor_rows: list[int] = []
        """Replies since the last one for a size: before a frame, and after it."""
        self._scrolled_rows = 0
        self._printed: deque[str] = deque(maxlen=_MAX_PRINTED_LINES)
        """The lines of frames that are no longer linked from ``_last``."""
        self._resized_s = float("-inf")

    @property
    def is_asking(self) -> bool:
        """True if frames are sent with a size query."""
        return self._is_answering and not self.is_paused

    @property
    def is_waiting(self) -> bool:
        """True while a reply is to come."""
        return bool(self._unanswered)

    def give_up(self) -> None:
        """Wait for no reply any more, and send no more queries."""
        self._unanswered.clear()
        self._is_answering = False

    def record_frame(self, frame: SentFrame) -> None:
        """Record a frame that was written, with its query if ``is_asking``."""
        if frame.is_resize:
            self._resized_s = frame.sent_s
        frame.previous, self._last = self._last, frame
        self._unlink_oldest(frame)
        if self.is_asking:
            self._unanswered.append(frame)
            oldest = self._unanswered[0]
            is_overdue = oldest.sent_s < frame.sent_s - _MAX_UNANSWERED_S
            # A terminal that has not answered so many will not answer at all.
            if is_overdue and len(self._unanswered) > _MAX_UNANSWERED:
                self.give_up()

    def _unlink_oldest(self, frame: SentFrame) -> None:
        """Drop a frame that cannot be on its way any more; keep its lines."""
        for _ in range(_MAX_IN_FLIGHT):
            if frame.previous is None:
                return
            frame = frame.previous
        if frame.previous is not None:
            self._printed.extend(frame.previous.lines)
            frame.previous = None

    def record_unchanged(self, *, is_compact: bool) -> None:
        """Record a frame that was not sent, because it would have changed nothing."""
        if self._last is not None:
            self._last.is_compact = is_compact

    def record_query(self, size: Size, now_s: float) -> None:
        """Record a size query that was written without a frame."""
        self._unanswered.append(SentFrame(size, None, (), None, now_s, is_bare=True))

    def take_cursor_row(self, row: int) -> None:
        """Take a reply for the cursor's row, from 0; they come before that for the size."""
        self._cursor_rows.append(row)

    def take_size(self, first: int, second: int) -> Size | None:
        """Take the reply to the oldest size query; None: it cannot be understood.

        The numbers are rows, columns; tmux before 3.4 swaps them. That shows at the first reply,
        when the window has the size that the system tells.
        """
        if not self._unanswered:
            return None
        frame = self._unanswered.popleft()
        rows, columns = frame.size.rows, frame.size.columns
        if self._is_swapped is None and rows != columns and {first, second} == {rows, columns}:
            self._is_swapped = first == columns
        if self._is_swapped is None:
            return None
        first, second = (second, first) if self._is_swapped else (first, second)
        frame.received_size = Size(rows=first, columns=second)
        if self._cursor_rows:
            frame.cursor_row = self._cursor_rows[-1]
            frame.start_row = self._cursor_rows[0] if len(self._cursor_rows) > 1 else None
        self._cursor_rows = []
        self._newest_reply = frame
        self._note_scrolling(frame)
        return frame.received_size

    def _note_scrolling(self, frame: SentFrame) -> None:
        enough = _ANCHORED_SCREENS * frame.size.rows
        if frame.is_at_bottom and self._scrolled_rows <= enough:
            self._scrolled_rows += sum(rows_of(line, frame.size.columns) for line in frame.lines)
        frame.is_anchored = frame.is_at_bottom or self._scrolled_rows > enough

    def is_unclear(self, columns: int) -> bool:
        """Return whether a reply on its way decides what the size is, or how to erase."""
        if any(frame.is_bare for frame in self._unanswered):
            return True
        last = self._last
        return last in self._unanswered and last is not None and columns < last.size.columns

    def is_compact(self, now_s: float) -> bool:
        """Return whether the region on the screen is known to be the same at any width."""
        is_known = self.wait_s(now_s) <= 0
        return self._last is not None and self._last.is_compact and is_known

    def wait_s(self, now_s: float) -> float:
        """Return the seconds that lines may still be held back for a reply on its way."""
        if not self._unanswered:
            return 0.0
        return max(0.0, self._unanswered[-1].sent_s + _MAX_WAIT_S - now_s)

    def rows_at_once(self, size: Size, columns: int, now_s: float) -> int:
        """Return how many rows a frame may print above the region, counted at ``columns``.

        Rows that a frame fails to erase, because it comes into a narrower window, can be erased
        later as long as they have not scrolled off.
        """
        in_flight = (
            rows_of(line, columns)
            for frame in self._unanswered
            if now_s - frame.sent_s < _MAX_WAIT_S
            for line in frame.lines
        )
        return max(0, size.rows // 2 - sum(in_flight))

    def rows_when_compact(self, size: Size, now_s: float) -> int:
        """Return how many rows a frame may print above a compact region.

        Such a frame erases all that it should. But tmux may move the cursor (``_displacement``),
        and the lines erased by that have to be printed again, most likely while sizes change.
        """
        is_changing = now_s - self._resized_s < _CHANGING_S
        rows = size.rows // 3 if is_changing else size.rows * 3 // 4
        return max(1, rows)

    def erasure(self, size: Size, now_s: float) -> Erasure | None:
        """Return what to erase at a new size; None: as many rows as were drawn."""
        columns = size.columns
        last = self._last
        if not self.is_rewrapping or last is None or last.drawn is None:
            return None
        if last.received_size is None:
            is_doubtful = self._is_doubtful(last, now_s)
            return None if is_doubtful else Erasure(last.drawn.rows_above(columns))
        rows = last.drawn.rows_above(columns, cut_at=last.received_size.columns)
        rows -= self._displacement(last, size)
        unerased, lines = _repairs(last, columns, self._printed)
        max_rows = size.rows - 1 - last.drawn.rows_below(columns)
        while lines and rows + unerased + sum(line.rows for line in lines) > max_rows:
            # The first of them have scrolled off, and stay.
            unerased = 0
            lines.pop(0)
        rows += unerased + sum(line.rows for line in lines)
        return Erasure(rows, [line.text for line in lines])

    def _displacement(self, last: SentFrame, size: Size) -> int:
        """Return how many rows the cursor is above its place in the region.

        tmux (3.3) miscounts rows above it that end in half a wide character, and moves it up.
        """
        newest = self._newest_reply
        if newest is None or newest is last or newest.received_size != size or last.drawn is None:
            return 0
        row = last.row_at(size)
        if newest.cursor_row is None or row is None:
            return 0
        return max(0, row - newest.cursor_row)

    def _is_doubtful(self, last: SentFrame, now_s: float) -> bool:
        """Return whether the last frame may have been cut, in a terminal that does not tell.

        A row too few erased leaves a stale row; a row too many erases a finished line.
        """
        if last.is_resize:
            return False
        if last.sent_s - self._resized_s < _STORM_S:
            return now_s - last.sent_s < _STORM_S
        return bool(last.lines) and now_s - last.sent_s < _FRESH_S


@dataclass(slots=True, frozen=True)
class _Line:
    """Line to be printed again."""

    text: str
    rows: int
    """Rows of it that are on the screen, and to be erased first."""


def _repairs(last: SentFrame, columns: int, printed: Sequence[str]) -> tuple[int, list[_Line]]:
    """Return what frames up to this one did wrong: rows to erase more, and lines to print again.

    The walk goes from the newest frame to the oldest, since each adds to the top: to erase what an
    older frame left, all that was printed below it has to go first, and to be printed again.
    """
    unerased = lost = 0
    lines: list[_Line] = []
    below: list[_Line] = []
    frame: SentFrame | None = last
    while frame is not None:
        # A newer frame erased the last of these lines; they are in ``below`` already.
        on_screen = frame.lines[: max(0, len(frame.lines) - lost)]
        lost = max(0, lost - len(frame.lines))
        below = [*(_Line(text, rows_of(text, columns)) for text in on_screen), *below]
        if frame.unerased_rows > 0:
            unerased, lines = unerased + frame.unerased_rows, list(below)
        elif frame.unerased_rows < 0:
            rows_left, erased = _erased_lines(frame, columns, printed)
            below = [*(_Line(text, 0) for text in erased), *below]
            unerased, lines, lost = unerased + rows_left, list(below), len(erased)
        # What went wrong before a resize was repaired then.
        frame = None if frame.is_resize else frame.previous
    return unerased, lines


def _erased_lines(frame: SentFrame, columns: int, printed: Sequence[str]) -> tuple[int, list[str]]:
    """Return the lines that a frame erased, and how many rows are left of the first of them."""
    assert frame.received_size is not None
    missing = -frame.unerased_rows
    erased: list[str] = []
    for line in _lines_before(frame, printed):
        if missing <= 0:
            break
        erased.insert(0, line)
        missing -= rows_of(line, frame.received_size.columns)
    cells_left = max(0, -missing) * frame.received_size.columns
    return -(-cells_left // columns), erased


def _lines_before(frame: SentFrame, printed: Sequence[str]) -> Iterator[str]:
    """Yield the lines that were printed before a frame, the last first."""
    earlier = frame.previous
    while earlier is not None:
        yield from reversed(earlier.lines)
        earlier = earlier.previous
    yield from reversed(printed)
