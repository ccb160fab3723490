"""Raw mode from the program's first moment on: standard library only, quick to import.

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

FATAL_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

PASTE_ON = b"\x1b[?2004h"
_RESET = b"\x1b[?2004l\x1b[0m\x1b[?7h\x1b[?25h"
_MAX_WRITE_WAIT_S = 2.0

# Places in the list of modes that ``tcgetattr`` returns.
_INPUT, _LOCAL, _CHARACTERS = 0, 3, 6


class HeldTerminal:
    """Terminal in raw mode, with its former modes for ``restore``.

    ``bytes_before`` counts the bytes that were typed before raw mode: the system echoed them and
    rewrote their line ends.
    """

    def __init__(self, input_fd: int, output_fd: int) -> None:
        self.input_fd, self.output_fd = input_fd, output_fd
        self._modes = termios.tcgetattr(input_fd)
        self.is_raw = False
        self._handled: list[signal.Signals] = []
        self.make_raw()
        self.bytes_before = _bytes_waiting(input_fd)
        self._write(PASTE_ON)
        self._handle_signals()

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
        """Set raw mode: no echo, no line mode, no signals by keys. Waiting input is kept."""
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
        self.is_raw = True
        self._set(modes)

    def make_cooked(self) -> None:
        """Set the former modes for a while, for a child or the shell."""
        self.is_raw = False
        self._set(self._modes)

    def restore(self) -> None:
        """Set the former modes and signal handlers; may be called again."""
        if self.is_raw:
            self._write(_RESET)
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
            if select.select([], [self.output_fd], [], _MAX_WRITE_WAIT_S)[1]:
                os.write(self.output_fd, data)

    def _handle_signals(self) -> None:
        for number in FATAL_SIGNALS:
            # A signal that is ignored (``nohup``) stays ignored.
            with suppress(ValueError):
                if signal.getsignal(number) == signal.SIG_DFL:
                    signal.signal(number, self._die)
                    self._handled.append(number)

    def _die(self, number: int, _frame: FrameType | None) -> None:
        self.restore()
        exit_by_signal(number)


def hold_terminal(input_fd: int = 0, output_fd: int = 1) -> HeldTerminal:
    """Put the terminal into raw mode with bracketed paste, before all else of a start.

    Raises ``termios.error`` where the input is no terminal.
    """
    return HeldTerminal(input_fd, output_fd)


def is_ignored(number: int) -> bool:
    """Return whether a signal was ignored when the program began (``nohup``), and so stays."""
    return signal.getsignal(number) == signal.SIG_IGN


def exit_by_signal(number: int) -> None:
    """End this process by a signal with its default action, so that the parent sees it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _bytes_waiting(fd: int) -> int:
    """Return how many bytes of input the system holds."""
    count = array.array("i", [0])
    with suppress(OSError):
        fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]
