"""Which terminals wrap their rows anew when they become narrower."""

from collections.abc import Mapping

__all__ = ["rewraps"]


def rewraps(environment: Mapping[str, str]) -> bool:
    """Say whether the terminal is known to wrap its rows anew when it becomes narrower.

    Where that is not known the answer is no: then a few stale rows may stay on the screen, while
    a wrong yes would erase finished lines.
    """
    term = environment.get("TERM", "")
    if term.startswith(("screen", "tmux")):
        return "TMUX" in environment
    programs = ("Apple_Terminal", "iTerm.app", "WezTerm", "ghostty", "vscode")
    if environment.get("TERM_PROGRAM") in programs:
        return True
    if term.startswith(("xterm-kitty", "alacritty", "foot")):
        return True
    marks = ("VTE_VERSION", "KITTY_WINDOW_ID", "ALACRITTY_WINDOW_ID", "KONSOLE_VERSION")
    return any(environment.get(name) for name in (*marks, "WT_SESSION", "WEZTERM_PANE"))
