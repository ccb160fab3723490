"""Signal handlers on the event loop while the prompt has the terminal."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from chatrepl.terminal.tty.raw_mode import FATAL_SIGNALS, is_ignored


class SignalWatch:
    """Router of signals to callbacks between ``start`` and ``stop``.

    A signal that was ignored when the program began (``nohup``) stays ignored.
    """

    def __init__(
        self,
        *,
        on_fatal: Callable[[int], None],
        on_interrupt: Callable[[], None],
        on_suspend: Callable[[], None],
        on_continue: Callable[[], None],
    ) -> None:
        self._callbacks: dict[int, Callable[[], None]] = {
            signal.SIGINT: on_interrupt,
            signal.SIGTSTP: on_suspend,
            signal.SIGCONT: on_continue,
        }
        for number in FATAL_SIGNALS:
            self._callbacks[number] = _bind(on_fatal, number)
        self._watched: list[int] = []

    def start(self) -> None:
        """Install the handlers; outside the main thread this does nothing."""
        loop = asyncio.get_running_loop()
        for number, callback in self._callbacks.items():
            if not is_ignored(number):
                with suppress(ValueError, RuntimeError):
                    if number == signal.SIGINT:
                        # The loop's handler leaves Python's default behind, which raises.
                        signal.signal(number, _threadsafe(loop, callback))
                    else:
                        loop.add_signal_handler(number, callback)
                    self._watched.append(number)

    def stop_process(self, *, whole_group: bool) -> None:
        """Stop this process as Ctrl+Z does; return when it is continued.

        ``whole_group`` stops the other programs of the same command line, too.
        """
        loop = asyncio.get_running_loop()
        if signal.SIGTSTP not in self._watched:
            return
        loop.remove_signal_handler(signal.SIGTSTP)
        os.kill(0 if whole_group else os.getpid(), signal.SIGTSTP)
        loop.add_signal_handler(signal.SIGTSTP, self._callbacks[signal.SIGTSTP])

    def stop(self) -> None:
        """Remove the handlers; interrupts and hang-ups are ignored while the program saves.

        People who leave by Ctrl+C press it often, and a closing window hangs up more than once:
        the system does, and the shell.
        """
        loop = asyncio.get_running_loop()
        for number in self._watched:
            if number != signal.SIGINT:
                loop.remove_signal_handler(number)
            if number in (signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
        self._watched = []


def _threadsafe(
    loop: asyncio.AbstractEventLoop, callback: Callable[[], None]
) -> Callable[[int, FrameType | None], None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(callback)

    return handle


def _bind(callback: Callable[[int], None], number: int) -> Callable[[], None]:
    return lambda: callback(number)
