"""Where the live region is after the terminal has wrapped its rows anew.

A terminal changes its window first and tells the program afterwards. A frame that reaches it in
between is cut at the new width, not wrapped. So each frame may end with the question how large the
window is, which the terminal answers in its place in the stream: then it is known which of the
two happened to the frame.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prompt_toolkit.data_structures import Size

from chatrepl.terminal.screen.pending_lines import rows_of
from chatrepl.terminal.screen.renderer import DrawnRegion

__all__ = ["CURSOR_QUESTION", "SIZE_QUESTION", "Reflow", "SentFrame", "answers_size"]

CURSOR_QUESTION = "\x1b[6n"
"""Asks for the cursor's place before a frame."""
SIZE_QUESTION = "\x1b[6n\x1b[18t"
"""Asks for the cursor's place, then for the window's size."""

_STORM_S = 0.3
_CHANGING_S = 1.0
_FRESH_S = 0.0015
_PATIENCE, _PATIENCE_S = 3, 1.0
_ON_THEIR_WAY = 8
_ANCHORED_SCREENS = 3
_KEPT_LINES = 200
_LONGEST_WAIT_S = 0.3


@dataclass(slots=True, eq=False)
class SentFrame:
    """One frame on its way: what stood there before, what it printed, and what it drew."""

    size: Size
    before: DrawnRegion | None
    lines: Sequence[str]
    drawn: DrawnRegion | None
    sent_s: float
    is_resize: bool = False
    is_compact: bool = False
    """What it drew is the same at any width."""
    is_bare: bool = False
    """Only a question."""
    taken_at: Size | None = None
    """The window's size when the terminal took it; None: not known (yet)."""
    taken_row: int | None = None
    """The cursor's row then, from 0."""
    is_anchored: bool = False
    """Whether so much has scrolled off that a higher window shows some of it again."""
    previous: "SentFrame | None" = None
    """The frame that drew what stood there before."""

    begun_row: int | None = None
    """The cursor's row when the terminal began to take it."""

    @property
    def left_rows(self) -> int:
        """How many rows of what stood there before it did not erase; below 0: so many too many.

        The terminal had wrapped them when it came, so there were more than it knew of; what had
        come into the same window had been cut instead. And tmux may have moved the cursor.
        """
        if self.before is None or self.taken_at is None:
            return 0
        drawn_at = self.previous.taken_at if self.previous is not None else None
        cut_at = drawn_at.columns if drawn_at is not None else None
        wrapped = self.before.rows_above(self.taken_at.columns, cut_at=cut_at)
        return wrapped - self.before.rows_above() - self._begun_too_high()

    def _begun_too_high(self) -> int:
        """Return how many rows the cursor was above its place in the region (see ``Reflow``)."""
        if self.previous is None or self.begun_row is None or self.taken_at is None:
            return 0
        row = self.previous.row_in(self.taken_at)
        return max(0, row - self.begun_row) if row is not None else 0

    def row_in(self, size: Size) -> int | None:
        """Return the cursor's row when the window has got this size; None: that is not known.

        What was said before scrolls off and comes back at the top; a lower window cuts off what is
        below the cursor first.
        """
        if not self.is_anchored or self.taken_at is None or self.taken_row is None:
            return None
        cut_off = max(0, self.taken_at.rows - size.rows)
        below = max(0, self.taken_at.rows - 1 - self.taken_row - cut_off)
        rows_below = self.drawn.rows_below(size.columns, of=below) if self.drawn is not None else 0
        return max(0, size.rows - 1 - rows_below)

    @property
    def was_at_bottom(self) -> bool:
        """Whether it is known to have filled the screen to its last row."""
        size, row = self.taken_at, self.taken_row
        if size is None or row is None or self.drawn is None:
            return False
        return row + self.drawn.rows_below(size.columns) == size.rows - 1


@dataclass(slots=True)
class Erasure:
    """How far up to erase, and what to print again."""

    rows: int
    lines: Sequence[str] = field(default=())


class Reflow:
    """Follows the frames, and finds the region's first row when the window has changed."""

    def __init__(self, *, is_rewrapping: bool, is_answering: bool) -> None:
        self.is_rewrapping, self.is_asking = is_rewrapping, is_answering
        self.has_given_up = False
        self._is_swapped: bool | None = None
        self._unanswered: deque[SentFrame] = deque()
        self._last: SentFrame | None = None
        self._newest: SentFrame | None = None
        self._cursor_rows: list[int] = []
        self._scrolled_rows = 0
        self._printed: deque[str] = deque(maxlen=_KEPT_LINES)
        self._previous_resize_s = float("-inf")

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._unanswered)

    def expect_no_answers(self) -> None:
        """Stop waiting, and ask nothing more."""
        self._unanswered.clear()
        self.is_asking = False

    def sent(self, frame: SentFrame) -> None:
        """Note a frame that has been written, with its question if ``is_asking``."""
        if frame.is_resize:
            self._previous_resize_s = frame.sent_s
        frame.previous, self._last = self._last, frame
        self._forget_before(frame)
        if self.is_asking:
            self._unanswered.append(frame)
            oldest = self._unanswered[0]
            # A terminal that has not answered so many will not answer at all.
            if len(self._unanswered) > _PATIENCE and oldest.sent_s < frame.sent_s - _PATIENCE_S:
                self.has_given_up = True
                self.expect_no_answers()

    def _forget_before(self, frame: SentFrame) -> None:
        """Keep no more frames than can be on their way at the same time, and the lines before."""
        for _ in range(_ON_THEIR_WAY):
            if frame.previous is None:
                return
            frame = frame.previous
        if frame.previous is not None:
            self._printed.extend(frame.previous.lines)
            frame.previous = None

    def asked(self, size: Size, now_s: float) -> None:
        """Note a question that was written without a frame."""
        self._unanswered.append(SentFrame(size, None, (), None, now_s, is_bare=True))

    def answered(self, first: int, second: int) -> Size | None:
        """Take the terminal's answer to the oldest question; None: it cannot be understood.

        The answer is rows, columns; tmux before 3.4 has it the other way round, which shows at the
        first answer, when the window has the size that the system tells.
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
        frame.taken_at = Size(rows=first, columns=second)
        if self._cursor_rows:
            frame.taken_row = self._cursor_rows[-1]
            frame.begun_row = self._cursor_rows[0] if len(self._cursor_rows) > 1 else None
        self._cursor_rows = []
        self._newest = frame
        self._note_scrolling(frame)
        return frame.taken_at

    def _note_scrolling(self, frame: SentFrame) -> None:
        enough = _ANCHORED_SCREENS * frame.size.rows
        if frame.was_at_bottom and self._scrolled_rows <= enough:
            self._scrolled_rows += sum(rows_of(line, frame.size.columns) for line in frame.lines)
        frame.is_anchored = frame.was_at_bottom or self._scrolled_rows > enough

    def cursor_is_at(self, row: int) -> None:
        """Take what comes before an answer: the cursor's row, from 0, maybe before a frame too."""
        self._cursor_rows.append(row)

    def is_unclear(self, columns: int) -> bool:
        """Say whether an answer on its way decides what the size is, or how to erase."""
        if any(frame.is_bare for frame in self._unanswered):
            return True
        last = self._last
        return last in self._unanswered and last is not None and columns < last.size.columns

    def unchanged(self, *, is_compact: bool) -> None:
        """Note that a frame would have drawn what is there already."""
        if self._last is not None:
            self._last.is_compact = is_compact

    def is_compact(self, now_s: float) -> bool:
        """Say whether what stands on the screen is known to be the same at any width."""
        is_known = self.longest_wait_s(now_s) <= 0
        return self._last is not None and self._last.is_compact and is_known

    def longest_wait_s(self, now_s: float) -> float:
        """Return how long lines may be held back for an answer that is on its way."""
        if not self._unanswered:
            return 0.0
        return max(0.0, self._unanswered[-1].sent_s + _LONGEST_WAIT_S - now_s)

    def rows_at_once(self, size: Size, columns: int, now_s: float) -> int:
        """Return how many rows a frame may print above the region, counted at so many columns.

        What a frame leaves above it because it came into a narrower window can be erased as long as
        it has not scrolled off.
        """
        on_their_way = (
            rows_of(line, columns)
            for frame in self._unanswered
            if now_s - frame.sent_s < _LONGEST_WAIT_S
            for line in frame.lines
        )
        return max(0, size.rows // 2 - sum(on_their_way))

    def rows_when_compact(self, size: Size, now_s: float) -> int:
        """Return how many rows a frame may print above a compact region.

        It leaves nothing; but tmux may move the cursor (see ``_displacement``), and what was erased
        by that has to be printed again, most likely while sizes change.
        """
        is_changing = now_s - self._previous_resize_s < _CHANGING_S
        rows = size.rows // 3 if is_changing else size.rows * 3 // 4
        return max(1, rows)

    def erasure(self, size: Size, now_s: float) -> Erasure | None:
        """Say what to erase at a new size; None: the region is where it was drawn."""
        columns = size.columns
        last = self._last
        if not self.is_rewrapping or last is None or last.drawn is None:
            return None
        if last.taken_at is None:
            return (
                None if self._is_doubtful(last, now_s) else Erasure(last.drawn.rows_above(columns))
            )
        taken = last.taken_at.columns
        rows = last.drawn.rows_above(columns, cut_at=taken)
        rows -= self._displacement(last, size)
        left, lines = _to_mend(last, columns, self._printed)
        most_rows = size.rows - 1 - last.drawn.rows_below(columns)
        while lines and rows + left + sum(line.rows for line in lines) > most_rows:
            # The first of them have scrolled off, and stay.
            left = 0
            lines.pop(0)
        rows += left + sum(line.rows for line in lines)
        return Erasure(rows, [line.text for line in lines])

    def _displacement(self, last: SentFrame, size: Size) -> int:
        """Return how many rows the cursor is above its place in the region.

        tmux (3.3) miscounts rows above it that end in half a wide character, and moves it up.
        """
        newest = self._newest
        if newest is None or newest is last or newest.taken_at != size or last.drawn is None:
            return 0
        row = last.row_in(size)
        if newest.taken_row is None or row is None:
            return 0
        return max(0, row - newest.taken_row)

    def _is_doubtful(self, last: SentFrame, now_s: float) -> bool:
        """Say whether the last frame may have been cut: then rather leave a row than erase one."""
        if last.is_resize:
            return False
        if last.sent_s - self._previous_resize_s < _STORM_S:
            return now_s - last.sent_s < _STORM_S
        return bool(last.lines) and now_s - last.sent_s < _FRESH_S


@dataclass(slots=True, frozen=True)
class _Line:
    """A line to be printed again."""

    text: str
    rows: int
    """How many rows of it are on the screen."""


def _to_mend(last: SentFrame, columns: int, printed: Sequence[str]) -> tuple[int, list[_Line]]:
    """Return what frames up to this one did wrong: rows to erase more, and lines to print again."""
    more = gone = 0
    lines: list[_Line] = []
    below: list[_Line] = []
    frame: SentFrame | None = last
    while frame is not None:
        shown = frame.lines[: max(0, len(frame.lines) - gone)]
        gone = max(0, gone - len(frame.lines))
        below = [*(_Line(text, rows_of(text, columns)) for text in shown), *below]
        if frame.left_rows > 0:
            more, lines = more + frame.left_rows, list(below)
        elif frame.left_rows < 0:
            kept, lost = _erased_lines(frame, columns, printed)
            below = [*(_Line(text, 0) for text in lost), *below]
            more, lines, gone = more + kept, list(below), len(lost)
        frame = None if frame.is_resize else frame.previous
    return more, lines


def _erased_lines(frame: SentFrame, columns: int, printed: Sequence[str]) -> tuple[int, list[str]]:
    """Return the lines that a frame erased; and how many rows are left of the first of them."""
    assert frame.taken_at is not None
    missing = -frame.left_rows
    lost: list[str] = []
    for line in _lines_before(frame, printed):
        if missing <= 0:
            break
        lost.insert(0, line)
        missing -= rows_of(line, frame.taken_at.columns)
    cells_left = max(0, -missing) * frame.taken_at.columns
    return -(-cells_left // columns), lost


def _lines_before(frame: SentFrame, printed: Sequence[str]) -> Iterator[str]:
    """Yield the lines that were printed before a frame, the last first."""
    earlier = frame.previous
    while earlier is not None:
        yield from reversed(earlier.lines)
        earlier = earlier.previous
    yield from reversed(printed)


def answers_size(environment: Mapping[str, str]) -> bool:
    """Say whether the terminal is known to answer the question for its size, and at once."""
    return "TMUX" in environment and environment.get("TERM", "").startswith(("screen", "tmux"))
