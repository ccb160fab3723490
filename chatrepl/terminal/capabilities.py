"""Capabilities of the terminal behind an output stream: size, rewrapping, escapes, characters."""

import os
import shutil
from collections.abc import Mapping
from typing import TextIO

from chatrepl.core.text.terminal_safe import encodable


def window_size(fd: int) -> os.terminal_size:
    """Return columns and rows of the terminal behind a file descriptor.

    The terminal's own answer comes first: ``COLUMNS`` and ``LINES`` in the environment stay as they
    were when the window changes, and programs with readline pass them to their children. Unknown:
    80 columns, 24 rows.
    """
    try:
        columns, rows = os.get_terminal_size(fd)
    except OSError:
        columns = rows = 0
    if columns and rows:
        return os.terminal_size((columns, rows))
    fallback = shutil.get_terminal_size()
    return os.terminal_size((columns or fallback.columns, rows or fallback.lines))


def is_dumb(environment: Mapping[str, str]) -> bool:
    """Return whether the terminal understands no escape sequences, or does not say what it is."""
    return environment.get("TERM", "") in ("", "dumb")


def rewraps(environment: Mapping[str, str]) -> bool:
    """Return whether the terminal is known to wrap its rows anew when it becomes narrower.

    False where that is unknown: then a few stale rows may stay on the screen, while a wrong True
    would erase finished lines.
    """
    term = environment.get("TERM", "")
    if term.startswith(("screen", "tmux")):
        # GNU screen, which has the same TERM, does not.
        return "TMUX" in environment
    programs = ("Apple_Terminal", "iTerm.app", "WezTerm", "ghostty", "vscode")
    if environment.get("TERM_PROGRAM") in programs:
        return True
    if term.startswith(("xterm-kitty", "alacritty", "foot")):
        return True
    # TERM is often plain xterm: these variables name the terminal (WT: Windows Terminal).
    marks = ("VTE_VERSION", "KITTY_WINDOW_ID", "ALACRITTY_WINDOW_ID", "KONSOLE_VERSION")
    return any(environment.get(name) for name in (*marks, "WT_SESSION", "WEZTERM_PANE"))


def write_text(stream: TextIO, text: str) -> None:
    """Write text and flush; characters that the stream's encoding lacks become question marks.

    Raises ``OSError`` or ``ValueError`` where the stream cannot be written.
    """
    stream.write(encodable(text, stream.encoding or "utf-8"))
    stream.flush()
