"""Queue of finished lines to print, taken in slices that suit the terminal's speed."""

from collections import deque
from collections.abc import Iterable, Sequence

from chatrepl.terminal.screen.screen_cells import columns_of_line

ANY_ROWS = 1_000_000
NARROW_COLUMNS = 30
"""The width that a window may suddenly get; narrower ones are rare."""

# Slices are counted in characters.
_MIN_SLICE, _FIRST_SLICE, _MAX_SLICE = 2048, 16384, 262144
_FAST_S, _SLOW_S = 0.02, 0.05


def rows_of(line: str, columns: int) -> int:
    """Return how many rows a finished line takes, at least."""
    return -(-columns_of_line(line) // columns) or 1


class PendingLines:
    """Queue of lines; a slow terminal gets them in smaller slices."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._slice_chars = _FIRST_SLICE

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, lines: Iterable[str]) -> None:
        """Append lines."""
        self._lines.extend(lines)

    def put_back(self, lines: Sequence[str]) -> None:
        """Put back lines that were taken and not printed."""
        self._lines.extendleft(reversed(lines))

    def take_all(self) -> list[str]:
        """Take all lines."""
        lines = list(self._lines)
        self._lines.clear()
        return lines

    def fit(self, rows: int, columns: int) -> bool:
        """Return whether all lines fit into ``rows`` of a window that is ``columns`` wide."""
        if rows >= ANY_ROWS:
            return True
        for line in self._lines:
            rows -= rows_of(line, columns)
            if rows < 0:
                return False
        return True

    def take(self, rows: int, columns: int) -> list[str]:
        """Take a slice of at most ``rows``, but one line at least if ``rows`` is above 0."""
        taken: list[str] = []
        characters = self._slice_chars
        while self._lines and characters > 0 and rows > 0:
            taken.append(self._lines.popleft())
            characters -= len(taken[-1]) + 2
            # Counting rows is expensive, and seldom needed.
            if rows < ANY_ROWS:
                rows -= rows_of(taken[-1], columns)
        return taken

    def record_duration(self, duration_s: float) -> None:
        """Adapt the slices to the time that the terminal took for one."""
        if duration_s > _SLOW_S:
            self._slice_chars = max(self._slice_chars // 2, _MIN_SLICE)
        elif duration_s < _FAST_S:
            self._slice_chars = min(self._slice_chars * 2, _MAX_SLICE)
