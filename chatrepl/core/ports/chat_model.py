"""Ports to models: servers, requests, the chat model, tokenizers, windows and prices."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chatrepl.core.events import ModelEvent, Progress
from chatrepl.core.messages import (
    Json,
    Usage,
)

__all__ = [
    "Catalog",
    "ChatModel",
    "ChatRequest",
    "LocalModel",
    "ModelInfo",
    "Price",
    "Secret",
    "Server",
    "TokenCounter",
]


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A key; shown by its last four characters only."""

    value: str

    def __repr__(self) -> str:
        return f"Secret(…{self.value[-4:]})" if len(self.value) > 12 else "Secret(…)"


@dataclass(frozen=True, slots=True)
class Server:
    """Where requests go, with the key that belongs there; both come from one layer."""

    base_url: str
    """With scheme and path (``https://api.openai.com/v1``), no user, no trailing slash."""
    origin: str
    """Which layer chose it, in words, e.g. ``environment`` or ``profile cluster``."""
    api_key: Secret | None = None
    """``None``: the server gets a placeholder."""
    key_origin: str = ""
    """Where the key came from, in words, e.g. ``OPENAI_API_KEY``."""
    organization: str | None = None
    project: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 120.0
    """The longest silence while an answer is awaited or streams."""
    is_openai: bool = False
    is_local: bool = False
    """The built-in model's own server."""
    azure_api_version: str = ""
    """Makes ``base_url`` an Azure OpenAI endpoint, whose deployments are its models."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request to ``/chat/completions``; ``body`` is to the letter what travels."""

    server: Server
    body: Mapping[str, Json]
    """``model``, ``messages``, ``stream``, ``stream_options`` and the parameters that were set."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that a server lists."""

    id: str
    owned_by: str = ""
    context_window: int | None = None
    """In tokens, where the server tells (vLLM, llama.cpp, OpenRouter do)."""


class ChatModel(Protocol):
    """A chat-completions server."""

    def stream(self, request: ChatRequest) -> AsyncIterator[ModelEvent]:
        """Send the request, and yield events as they arrive.

        A request with ``"stream": false`` yields the same events from the whole response.
        A stream that ends with neither a finish reason nor its end mark raises ``ModelError`` with
        ``Fault.CUT`` after the last event. Raises ``ModelError`` only; closing stops the server.
        """
        ...

    async def models(self, server: Server) -> Sequence[ModelInfo]:
        """List what the server offers, in its order. Raises ``ModelError``."""
        ...

    async def count_tokens(self, request: ChatRequest) -> int | None:
        """Ask the server what the request's prompt counts, in tokens.

        None: it does not tell, or not in time. Raises nothing.
        """
        ...

    async def warm_up(self) -> None:
        """Pay in a background thread what the first request would otherwise wait for."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class TokenCounter(Protocol):
    """Counts tokens with the vocabularies that ship with the program."""

    def encoding_for(self, model: str) -> tuple[str, bool]:
        """Name the encoding for a model; False with it: the model is unknown, counts estimate."""
        ...

    async def prepare(self, encoding: str) -> None:
        """Load an encoding off the event loop; at once when it is loaded already."""
        ...

    def count(self, text: str, encoding: str) -> int:
        """Count one text's tokens. ``prepare`` must have ended; special tokens count as text."""
        ...

    def ids(self, text: str, encoding: str) -> Sequence[int]:
        """Return a text's token ids, in order; as ``count`` sees them."""
        ...


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in US dollars per million tokens; ``None``: not known."""

    prompt: float
    completion: float
    cached: float | None = None
    """Of prompt tokens that the server had in its cache; None: as the others."""
    reasoning: float | None = None
    """Of completion tokens that were thinking; None: as the others."""


class Catalog(Protocol):
    """What is known of models without asking a server."""

    async def prepare(self) -> None:
        """Load what is known, off the event loop."""
        ...

    def context_window(self, model: str) -> int | None:
        """Return a model's window in tokens, or None for an unknown model."""
        ...

    def price(self, model: str) -> Price | None:
        """Return a model's price, or None for an unknown model: never a guess."""
        ...

    def cost(self, model: str, usage: Usage) -> float | None:
        """Return what one answer costs, in US dollars; None: the price is not known."""
        ...


class LocalModel(Protocol):
    """The built-in model: fetched once, run as a server of our own."""

    name: str
    context_window: int
    """In tokens; once it runs, what there really is."""
    is_demo: bool
    """It is the small one that comes with the program, not one of the user's."""

    def prepare(self) -> AsyncIterator[Progress]:
        """Fetch and start what is missing, yielding progress; any number of callers share one run.

        Ends when the server is ready. Raises ``LocalModelError``; a later call tries again.
        """
        ...

    def server(self) -> Server:
        """Return the running server; ``prepare`` must have ended."""
        ...

    def is_fetched(self) -> bool:
        """Say whether the weights are on this machine."""
        ...

    async def close(self) -> None:
        """Stop the server at once."""
        ...
