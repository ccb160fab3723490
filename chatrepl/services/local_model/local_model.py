"""The built-in model as the core sees it: made ready once, whoever asks."""

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

__all__ = ["BuiltInModel"]

_DEMO_NAME = "smollm2-135m-instruct"
_WINDOW_TOKENS = 8192
_TIMEOUT_S = 120.0


class BuiltInModel:
    """Implements the core's ``LocalModel``.

    Any number of callers of ``prepare`` share one run, which ends when the last of them leaves;
    what fails is tried again by the next call.
    """

    def __init__(
        self, cache_folder: Path, *, gguf: Path | None = None, context_window: int | None = None
    ) -> None:
        """Take the demo model, or a GGUF file of the user's, and its context in tokens.

        More context than a model was trained for is not given: ``context_window`` tells what there
        is once the server is up.
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
        """Say whether the weights are on this machine."""
        if self._gguf is not None:
            return True
        from chatrepl.services.local_model.weights import find_weights

        return find_weights(self._folder) is not None

    async def prepare(self) -> AsyncIterator[Progress]:
        """Fetch and start what is missing, yielding progress until the server is ready."""
        if self._child is not None and self._child.is_alive:
            return
        task = self._running()
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
        """Return the running server. Raises ``LocalModelError`` where it is not up."""
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
        """Stop what is being prepared, and end the server at once."""
        if self._task is not None:
            await _cancel(self._task)
        await self._end_child()

    def _running(self) -> "asyncio.Task[None]":
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(lambda _: self._tell(None))
        return self._task

    async def _run(self) -> None:
        from chatrepl.services.local_model.process import check_engine, start_child
        from chatrepl.services.local_model.weights import check_gguf

        check_engine()
        await self._end_child()
        if self._gguf is not None:
            check_gguf(self._gguf)
        weights = self._gguf or await self._demo_weights()
        self._tell(Progress(f"starting {self._label()}", 0, 0))
        try:
            self._child = await start_child(weights, self.context_window, self.name)
        except LocalModelError as error:
            await self._throw_away_damaged(weights)
            raise error from None
        self.context_window = self._child.context_window

    def _label(self) -> str:
        return "the demo model" if self._gguf is None else self.name

    async def _demo_weights(self) -> Path:
        from chatrepl.services.local_model.download import fetch
        from chatrepl.services.local_model.weights import find_weights

        found = find_weights(self._folder)
        if found is None:
            async with contextlib.aclosing(fetch(self._folder)) as steps:
                async for progress in steps:
                    self._tell(progress)
            found = find_weights(self._folder)
        if found is None:
            raise LocalModelError("the demo model went away as it came", "/local tries again")
        return found

    async def _throw_away_damaged(self, weights: Path) -> None:
        """Remove weights that could not be started because they are not what they should be."""
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

    def _tell(self, progress: Progress | None) -> None:
        self._latest = progress
        self._changed.set()
        self._changed = asyncio.Event()


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
