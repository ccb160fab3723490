"""The built-in model as the core sees it: made ready once, whoever asks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from chatrepl.core.errors import LocalModelError
from chatrepl.core.events import Progress
from chatrepl.core.ports import Server

if TYPE_CHECKING:
    from chatrepl.services.local_model.child import Child

__all__ = ["BuiltInModel"]

_TIMEOUT_S = 120.0


class BuiltInModel:
    """Implements the core's ``LocalModel``.

    Any number of callers of ``prepare`` share one run; what fails is tried again by the next call.
    """

    name = "smollm2-135m-instruct"
    context_window = 8192

    def __init__(self, cache_folder: Path) -> None:
        self._folder = cache_folder / "models"
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._latest: Progress | None = None
        self._changed = asyncio.Condition()

    def is_fetched(self) -> bool:
        """Say whether the weights are on this machine."""
        from chatrepl.services.local_model.fetch import find_fetched

        return find_fetched(self._folder) is not None

    async def prepare(self) -> AsyncIterator[Progress]:
        """Fetch and start what is missing, yielding progress until the server is ready."""
        if self._child is not None and self._child.is_alive:
            return
        from chatrepl.services.local_model.child import check_engine

        check_engine()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        task, seen = self._task, None
        while not task.done():
            if self._latest is not None and self._latest is not seen:
                seen = self._latest
                yield seen
            async with self._changed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.2)
        await asyncio.shield(task)
        if seen is not None:
            yield Progress(seen.label, 1, 1)

    def server(self) -> Server:
        """Return the running server. Raises ``LocalModelError`` before ``prepare`` has ended."""
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
        """Stop fetching, and end the server at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._child is not None:
            await self._child.end()
            self._child = None

    async def _run(self) -> None:
        from chatrepl.services.local_model.child import start_child
        from chatrepl.services.local_model.fetch import fetch, find_fetched

        try:
            weights = find_fetched(self._folder)
            if weights is None:
                async for progress in fetch(self._folder):
                    await self._tell(progress)
                weights = find_fetched(self._folder)
            if weights is None:
                raise LocalModelError("the demo model is not where it should be", "/local again")
            await self._tell(Progress("starting the demo model", 0, 0))
            self._child = await start_child(weights, self.context_window, self.name)
        finally:
            self._latest = None
            async with self._changed:
                self._changed.notify_all()

    async def _tell(self, progress: Progress) -> None:
        async with self._changed:
            self._latest = progress
            self._changed.notify_all()
