"""Run an event loop: end it by signals, and leave without joining worker threads."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any, ParamSpec, TypeVar

from chatrepl.terminal.tty.raw_mode import exit_by_signal, is_ignored

_T = TypeVar("_T")
_P = ParamSpec("_P")

INTERRUPTED = 130
"""The exit code after Ctrl+C."""

_SHUTDOWN_S = 1.0


class _UnjoinedThreads(ThreadPoolExecutor):
    """A thread pool that waits for running work for a moment at its shutdown, and no longer.

    A keyring that wants to be unlocked, or a folder on a server that is gone, can keep a thread for
    as long as it likes, and nothing can end that but the end of the process.
    """

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="worker")
        self._running: set[Future[Any]] = set()

    def submit(self, work: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run a function in a thread."""
        future = super().submit(work, *args, **kwargs)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Drop queued work, and wait for running work at most 1 s."""
        del wait, cancel_futures
        super().shutdown(wait=False, cancel_futures=True)
        wait_for(list(self._running), timeout=_SHUTDOWN_S)


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine as ``asyncio.run`` does, but do not join worker threads at exit.

    A thread that still runs ends with the process, which must end by ``os._exit`` or a signal.
    """
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_UnjoinedThreads())
        return runner.run(work)


def run_conversation(work: Coroutine[Any, Any, int | None]) -> int:
    """Run a conversation, which returns the signal that ended it or None; return the exit code.

    A signal ends the process, as seen by its parent.
    """
    number = _run(work)
    if number is not None:
        exit_by_signal(number)
    return 0


def run_until_signal(work: Coroutine[Any, Any, int], stop: Callable[[], bool]) -> int:
    """Run work to its end, and return its exit code.

    A signal calls ``stop``; the second one, or one for which that returns False, cancels the work.
    SIGINT gives exit code 130; another signal ends the process in the end.
    """
    caught: list[int] = []
    try:
        code = _run(_with_signals(work, stop, caught))
    except BrokenPipeError:
        # The reader has seen enough; the flush at exit must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    if caught and caught[0] != signal.SIGINT:
        exit_by_signal(caught[0])
    return INTERRUPTED if caught else code


async def _with_signals(
    work: Coroutine[Any, Any, int], stop: Callable[[], bool], caught: list[int]
) -> int:
    task = asyncio.ensure_future(work)

    def interrupt(number: int) -> None:
        caught.append(number)
        if not stop() or len(caught) > 1:
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if not is_ignored(number):
            loop.add_signal_handler(number, interrupt, number)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED
