"""Finished lines, some at a time."""

from collections import deque

from chatrepl.terminal.input.cells import row_of_line

__all__ = ["ANY_ROWS", "rows_of", "take_slice"]

ANY_ROWS = 1_000_000


def rows_of(line: str, columns: int) -> int:
    """Return how many rows a finished line takes."""
    return -(-len(row_of_line(line)) // columns) or 1


def take_slice(lines: deque[str], characters: int, rows: int, columns: int) -> list[str]:
    """Take lines of about so many characters and rows at the most; one at the least."""
    taken: list[str] = []
    while lines and characters > 0 and rows > 0:
        taken.append(lines.popleft())
        characters -= len(taken[-1]) + 2
        # Counting rows is dear, and seldom asked for.
        if rows < ANY_ROWS:
            rows -= rows_of(taken[-1], columns)
    return taken
