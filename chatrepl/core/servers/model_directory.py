"""The models that servers listed, in this run and in earlier ones."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chatrepl.core.ports.chat_model import ModelInfo, Server
from chatrepl.core.ports.remembered import Memory

if TYPE_CHECKING:
    from chatrepl.core.json_value import Json


_TOPIC = "models"
_MOST_REMEMBERED = 1000


class ModelDirectory:
    """Models by id: those of the server in use, and those of other servers that were asked.

    Names are remembered across runs, for completion.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._remembered: Mapping[str, Json] = {}
        self._others: dict[str, dict[str, ModelInfo]] = {}
        self.current: dict[str, ModelInfo] = {}
        """The models of the server in use, in its order; empty until it has listed them."""

    def find(self, server: Server, model: str) -> ModelInfo | None:
        """Return what a server told of a model; None: it did not list it."""
        return self._others.get(server.base_url, self.current).get(model)

    def of_other(self, server: Server) -> Mapping[str, ModelInfo] | None:
        """Return the models of a server that is not in use; None: it was never asked."""
        return self._others.get(server.base_url)

    def set_other(self, server: Server, models: Sequence[ModelInfo]) -> None:
        """Record the models of a server that is not in use."""
        self._others[server.base_url] = {model.id: model for model in models}

    def set_current(self, models: Sequence[ModelInfo]) -> None:
        """Record the models of the server in use."""
        self.current = {model.id: model for model in models}

    async def remember(self, server: Server, models: Sequence[ModelInfo]) -> None:
        """Remember the names of a server's models for later runs."""
        names: Json = [model.id for model in models[:_MOST_REMEMBERED]]
        await self._memory.remember(_TOPIC, server.base_url, names)

    async def recall(self) -> None:
        """Read the names that earlier runs remembered."""
        self._remembered = await self._memory.recall(_TOPIC)

    def names(self, server: Server | None) -> Sequence[str]:
        """Return the names listed by the server in use: in this run, else in an earlier one."""
        if self.current or server is None:
            return list(self.current)
        names = self._remembered.get(server.base_url)
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
