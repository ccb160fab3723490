"""Finished lines that wait to be printed, and how many go out at once."""

from collections import deque
from collections.abc import Iterable, Sequence

from chatrepl.terminal.screen.screen_cells import row_of_line

__all__ = ["ANY_ROWS", "NARROW_COLUMNS", "PendingLines", "rows_of"]

ANY_ROWS = 1_000_000
NARROW_COLUMNS = 30
"""The width that a window may suddenly get; narrower ones are rare."""

_LEAST_SLICE, _FIRST_SLICE, _MOST_SLICE = 2048, 16384, 262144
_QUICK_S, _SLOW_S = 0.02, 0.05


def rows_of(line: str, columns: int) -> int:
    """Return how many rows a finished line takes, at the least."""
    return -(-len(row_of_line(line)) // columns) or 1


class PendingLines:
    """Lines that wait, in order; a slow terminal gets them in smaller slices."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._slice = _FIRST_SLICE

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, lines: Iterable[str]) -> None:
        """Put lines at the end."""
        self._lines.extend(lines)

    def put_back(self, lines: Sequence[str]) -> None:
        """Put lines back that were taken and not printed."""
        self._lines.extendleft(reversed(lines))

    def take_all(self) -> list[str]:
        """Take whatever waits."""
        lines = list(self._lines)
        self._lines.clear()
        return lines

    def fit(self, rows: int, columns: int) -> bool:
        """Say whether all of them fit into so many rows of a window so wide."""
        if rows >= ANY_ROWS:
            return True
        for line in self._lines:
            rows -= rows_of(line, columns)
            if rows < 0:
                return False
        return True

    def take(self, rows: int, columns: int) -> list[str]:
        """Take a slice of at most so many rows; one line at the least, if there is any room."""
        taken: list[str] = []
        characters = self._slice
        while self._lines and characters > 0 and rows > 0:
            taken.append(self._lines.popleft())
            characters -= len(taken[-1]) + 2
            # Counting rows is dear, and seldom asked for.
            if rows < ANY_ROWS:
                rows -= rows_of(taken[-1], columns)
        return taken

    def took(self, seconds: float) -> None:
        """Learn from how long the terminal took for a slice."""
        if seconds > _SLOW_S:
            self._slice = max(self._slice // 2, _LEAST_SLICE)
        elif seconds < _QUICK_S:
            self._slice = min(self._slice * 2, _MOST_SLICE)
