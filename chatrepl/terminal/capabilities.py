"""The size of the window that a stream writes to."""

import os
import shutil

__all__ = ["window_size"]


def window_size(fd: int) -> os.terminal_size:
    """Return columns and rows of the terminal behind a file descriptor.

    The terminal is asked first: ``COLUMNS`` and ``LINES`` in the environment stay what they were
    when the window changes, and a program that uses readline leaves them to all that it starts.
    What nobody tells is 80 columns, 24 rows.
    """
    try:
        columns, rows = os.get_terminal_size(fd)
    except OSError:
        columns = rows = 0
    if columns and rows:
        return os.terminal_size((columns, rows))
    told = shutil.get_terminal_size()
    return os.terminal_size((columns or told.columns, rows or told.lines))
