"""The terminal's modes, held from the first moment on: standard library only, quick to import.

Keys and pastes that arrive while the rest of the program loads are neither echoed nor cut into
lines by the system; they wait in the terminal until the prompt reads them.
"""

import array
import copy
import fcntl
import os
import select
import signal
import termios
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["FATAL_SIGNALS", "HeldTerminal", "exit_by_signal", "hold_terminal", "is_ignored"]

FATAL_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

PASTE_ON = b"\x1b[?2004h"
_CLEAN = b"\x1b[?2004l\x1b[0m\x1b[?7h\x1b[?25h"
_GONE_WRITE_S = 2.0

_LOCAL, _INPUT, _CHARACTERS = 3, 0, 6


class HeldTerminal:
    """A terminal in raw mode, which goes back to what it was at ``restore``.

    ``bytes_before`` tells how much was typed, and so echoed and its line ends rewritten by the
    system, before raw mode.
    """

    def __init__(self, input_fd: int, output_fd: int) -> None:
        self.input_fd, self.output_fd = input_fd, output_fd
        self._modes = termios.tcgetattr(input_fd)
        self._is_held = False
        self._handled: list[signal.Signals] = []
        self.make_raw()
        self.bytes_before = _bytes_waiting(input_fd)
        self._write(PASTE_ON)
        self._watch_signals()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.restore()

    def make_raw(self) -> None:
        """Take every key as it comes, without echo and without signals. Nothing waiting is lost."""
        modes = copy.deepcopy(self._modes)
        modes[_LOCAL] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
        modes[_INPUT] &= ~(
            termios.IXON
            | termios.IXOFF
            | termios.ICRNL
            | termios.INLCR
            | termios.IGNCR
            | termios.ISTRIP
            | termios.BRKINT
        )
        modes[_CHARACTERS][termios.VMIN] = 1
        modes[_CHARACTERS][termios.VTIME] = 0
        self._is_held = True
        self._set(modes)

    def make_cooked(self) -> None:
        """Give the modes back for a while (to a child, to the shell)."""
        self._is_held = False
        self._set(self._modes)

    def restore(self) -> None:
        """Leave the terminal as it was found; harmless when that is so already."""
        if self._is_held:
            self._write(_CLEAN)
            self.make_cooked()
        for number in self._handled:
            if signal.getsignal(number) == self._die:
                signal.signal(number, signal.SIG_DFL)
        self._handled = []

    def _set(self, modes: list[Any]) -> None:
        # The terminal may be gone (its window closed).
        with suppress(termios.error, OSError):
            termios.tcsetattr(self.input_fd, termios.TCSANOW, modes)

    def _write(self, data: bytes) -> None:
        with suppress(OSError, ValueError):
            # A terminal that is stopped must not keep the program from ending.
            if select.select([], [self.output_fd], [], _GONE_WRITE_S)[1]:
                os.write(self.output_fd, data)

    def _watch_signals(self) -> None:
        for number in FATAL_SIGNALS:
            # One that is ignored (``nohup``) stays ignored.
            with suppress(ValueError):
                if signal.getsignal(number) == signal.SIG_DFL:
                    signal.signal(number, self._die)
                    self._handled.append(number)

    def _die(self, number: int, _frame: FrameType | None) -> None:
        self.restore()
        exit_by_signal(number)


def hold_terminal(input_fd: int = 0, output_fd: int = 1) -> HeldTerminal:
    """Put the terminal into raw mode with bracketed paste, as the first thing of a start.

    Raises ``termios.error`` where the input is no terminal.
    """
    return HeldTerminal(input_fd, output_fd)


def is_ignored(number: int) -> bool:
    """Say whether a signal was ignored when the program began (``nohup``), and so stays."""
    return signal.getsignal(number) == signal.SIG_IGN


def exit_by_signal(number: int) -> None:
    """End this process the way the signal would have, so that its parent sees that."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _bytes_waiting(fd: int) -> int:
    count = array.array("i", [0])
    with suppress(OSError):
        fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]
