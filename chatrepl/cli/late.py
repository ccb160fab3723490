"""Services that are dear to import, made when they are first used: after the first prompt."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatrepl.core.events import ModelEvent
    from chatrepl.core.ports.chat_model import ChatRequest, ModelInfo, Server
    from chatrepl.services.openai_api import OpenAIChatModel

__all__ = ["LateChatModel"]


class LateChatModel:
    """The ``ChatModel`` over the OpenAI SDK, imported at its first use."""

    def __init__(self) -> None:
        self._model: OpenAIChatModel | None = None

    async def stream(self, request: "ChatRequest") -> AsyncIterator["ModelEvent"]:
        """Send the request, and yield events as they arrive."""
        async with aclosing(self._get().stream(request)) as events:
            async for event in events:
                yield event

    async def models(self, server: "Server") -> Sequence["ModelInfo"]:
        """List what the server offers."""
        return await self._get().models(server)

    async def count_tokens(self, request: "ChatRequest") -> int | None:
        """Ask the server what the request's prompt counts."""
        return await self._get().count_tokens(request)

    async def warm_up(self) -> None:
        """Import the SDK in a background thread."""
        await self._get().warm_up()

    async def close(self) -> None:
        """Release connections, if any were made."""
        if self._model is not None:
            await self._model.close()

    def _get(self) -> "OpenAIChatModel":
        if self._model is None:
            from chatrepl.services.openai_api import OpenAIChatModel

            self._model = OpenAIChatModel()
        return self._model
