"""Run the program so that nobody who leaves it waits for a thread."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any, ParamSpec, TypeVar

__all__ = ["run_and_leave"]

_T = TypeVar("_T")
_P = ParamSpec("_P")

_GRACE_S = 1.0


class _LeftAlone(ThreadPoolExecutor):
    """Waits at its shutdown for a moment, in which what is quick is done, and no longer.

    A keyring that wants to be unlocked, or a folder on a server that is gone, can keep a thread for
    as long as it likes, and nothing can end that but the end of the process.
    """

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="beside")
        self._running: set[Future[Any]] = set()

    def submit(self, work: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Begin some work in a thread."""
        future = super().submit(work, *args, **kwargs)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; wait for what runs, but not for long."""
        del wait, cancel_futures
        super().shutdown(wait=False, cancel_futures=True)
        wait_for(list(self._running), timeout=_GRACE_S)


def run_and_leave(work: Coroutine[Any, Any, _T]) -> _T:
    """Run to the end, as ``asyncio.run`` does, but wait for no thread that goes on after it.

    Such a thread ends with the process, which then must end by ``os._exit`` or a signal.
    """
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_LeftAlone())
        return runner.run(work)
