"""The ``LocalModel`` port: prepares the built-in model once for all callers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from chatrepl.core.errors import LocalModelError
from chatrepl.core.events import Progress
from chatrepl.core.ports.chat_model import Server

if TYPE_CHECKING:
    from chatrepl.services.local_model.process import Child


_DEMO_NAME = "smollm2-135m-instruct"
_WINDOW_TOKENS = 8192
_TIMEOUT_S = 120.0


class BuiltInModel:
    """Implements the core's ``LocalModel`` port.

    Concurrent calls of ``prepare`` share one task, which is cancelled when the last caller leaves.
    After a failure, the next call tries again.
    """

    def __init__(
        self, cache_folder: Path, *, gguf: Path | None = None, context_window: int | None = None
    ) -> None:
        """Choose the demo model, or a GGUF file of the user.

        ``context_window`` is requested in tokens; once the server runs, the attribute holds the
        actual size, which is never more than the model was trained for.
        """
        self.name = gguf.stem if gguf else _DEMO_NAME
        self.is_demo = gguf is None
        self.context_window = context_window or _WINDOW_TOKENS
        self._gguf = gguf.absolute() if gguf else None
        self._folder = cache_folder / "models"
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._callers = 0
        self._latest: Progress | None = None
        self._changed = asyncio.Event()

    def is_fetched(self) -> bool:
        """Return whether the weights are on this machine."""
        if self._gguf is not None:
            return True
        from chatrepl.services.local_model.weights import find_weights

        return find_weights(self._folder) is not None

    async def prepare(self) -> AsyncIterator[Progress]:
        """Download and start what is missing, yielding progress until the server is ready.

        Raises ``LocalModelError``.
        """
        if self._child is not None and self._child.is_alive:
            return
        task = self._prepare_task()
        seen: Progress | None = None
        self._callers += 1
        try:
            while not task.done():
                changed = self._changed
                if self._latest is not None and self._latest is not seen:
                    seen = self._latest
                    yield seen
                else:
                    await changed.wait()
        finally:
            self._callers -= 1
            if not self._callers and not task.done():
                await _cancel(task)
        if task.cancelled():
            raise LocalModelError("the built-in model was stopped", "/local starts it again")
        task.result()
        if seen is not None:
            yield Progress(seen.label, 1, 1)

    def server(self) -> Server:
        """Return the running server. Raises ``LocalModelError`` if it is not running."""
        if self._child is None or not self._child.is_alive:
            raise LocalModelError("the built-in model is not up", "/local starts it")
        return Server(
            base_url=self._child.base_url,
            origin="built-in model",
            api_key=self._child.key,
            key_origin="made for this run",
            timeout_s=_TIMEOUT_S,
            is_local=True,
        )

    async def close(self) -> None:
        """Cancel the preparation, and end the server at once."""
        if self._task is not None:
            await _cancel(self._task)
        await self._end_child()

    def _prepare_task(self) -> "asyncio.Task[None]":
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._prepare())
            self._task.add_done_callback(lambda _: self._report(None))
        return self._task

    async def _prepare(self) -> None:
        from chatrepl.services.local_model.process import check_engine, start_child
        from chatrepl.services.local_model.weights import check_gguf

        check_engine()
        await self._end_child()
        if self._gguf is not None:
            check_gguf(self._gguf)
        weights = self._gguf or await self._demo_weights()
        label = "the demo model" if self._gguf is None else self.name
        self._report(Progress(f"starting {label}", 0, 0))
        try:
            self._child = await start_child(weights, self.context_window, self.name)
        except LocalModelError as error:
            await self._remove_damaged(weights)
            raise error from None
        self.context_window = self._child.context_window

    async def _demo_weights(self) -> Path:
        from chatrepl.services.local_model.download import fetch
        from chatrepl.services.local_model.weights import find_weights

        found = find_weights(self._folder)
        if found is None:
            async with contextlib.aclosing(fetch(self._folder)) as steps:
                async for progress in steps:
                    self._report(progress)
            found = find_weights(self._folder)
        if found is None:
            raise LocalModelError("the demo model went away as it came", "/local tries again")
        return found

    async def _remove_damaged(self, weights: Path) -> None:
        """Delete downloaded weights whose hash is wrong. Raises ``LocalModelError`` if so."""
        from chatrepl.services.local_model.weights import remove_damaged

        if weights.parent != self._folder:
            return
        try:
            is_removed = await asyncio.to_thread(remove_damaged, weights)
        except OSError:
            return
        if is_removed:
            raise LocalModelError(
                "the demo model's file was damaged, and is removed", "/local fetches it again"
            )

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.end()

    def _report(self, progress: Progress | None) -> None:
        """Publish the latest progress, and wake the callers of ``prepare``."""
        self._latest = progress
        self._changed.set()
        self._changed = asyncio.Event()


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
