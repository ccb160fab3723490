"""Ports to models: servers, requests, tokenizers, context windows and prices."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chatrepl.core.events import ModelEvent, Progress
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Usage


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A key, of which only the last four characters are shown."""

    value: str

    def __repr__(self) -> str:
        return f"Secret(…{self.value[-4:]})" if len(self.value) > 12 else "Secret(…)"


@dataclass(frozen=True, slots=True)
class Server:
    """A server with its key; both come from the same layer of the configuration."""

    base_url: str
    """With scheme and path (``https://api.openai.com/v1``), no user, no trailing slash."""
    origin: str
    """The layer that set it, as shown, e.g. ``environment`` or ``profile cluster``."""
    api_key: Secret | None = None
    """None: a placeholder is sent."""
    key_origin: str = ""
    """The source of the key, as shown, e.g. ``OPENAI_API_KEY``."""
    organization: str | None = None
    project: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 120.0
    """The longest silence before and within an answer."""
    is_openai: bool = False
    is_local: bool = False
    """The built-in model's own server."""
    azure_api_version: str = ""
    """Makes ``base_url`` an Azure OpenAI endpoint, whose deployments are its models."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request to ``/chat/completions``; ``body`` is sent as it is."""

    server: Server
    body: Mapping[str, Json]
    """``model``, ``messages``, ``stream``, ``stream_options`` and the parameters that were set."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that a server lists."""

    id: str
    owned_by: str = ""
    context_window: int | None = None
    """In tokens; None where the server does not tell (vLLM, llama.cpp, OpenRouter do)."""


class ChatModel(Protocol):
    """A chat-completions server."""

    def stream(self, request: ChatRequest) -> AsyncIterator[ModelEvent]:
        """Send a request, and yield events as they arrive.

        A request with ``"stream": false`` yields the same events from the whole response.
        A stream that ends with neither a finish reason nor its end mark raises ``ModelError`` with
        ``Fault.CUT`` after the last event. Raises ``ModelError`` only. Closing the iterator stops
        the server's work.
        """

    async def models(self, server: Server) -> Sequence[ModelInfo]:
        """List what the server offers, in its order. Raises ``ModelError``."""

    async def count_tokens(self, request: ChatRequest) -> int | None:
        """Return the server's count of a request's prompt, in tokens.

        None: the server does not count prompts, or not in time. Raises nothing.
        """

    async def warm_up(self) -> None:
        """Do the expensive preparations of the first request in a background thread."""

    async def close(self) -> None:
        """Close all connections."""


class TokenCounter(Protocol):
    """Counts tokens with the vocabularies that ship with the program."""

    def encoding_for(self, model: str) -> tuple[str, bool]:
        """Return a model's encoding; False with it: the model is unknown, counts are estimates."""

    async def prepare(self, encoding: str) -> None:
        """Load an encoding in a thread, unless it is loaded already."""

    def count(self, text: str, encoding: str) -> int:
        """Count a text's tokens, after ``prepare``. Special tokens count as text."""

    def ids(self, text: str, encoding: str) -> Sequence[int]:
        """Return the ids of the tokens that ``count`` counts, in order."""


@dataclass(frozen=True, slots=True)
class Price:
    """A model's price, in US dollars per million tokens."""

    prompt: float
    completion: float
    cached: float | None = None
    """For prompt tokens from the server's cache; None: as for the others."""
    reasoning: float | None = None
    """For completion tokens of reasoning; None: as for the others."""


class Catalog(Protocol):
    """Context windows and prices of known models, without a request."""

    async def prepare(self) -> None:
        """Load the catalog in a thread."""

    def context_window(self, model: str) -> int | None:
        """Return a model's context window in tokens; None: not known."""

    def price(self, model: str) -> Price | None:
        """Return a model's price; None: not known, never a guess."""

    def cost(self, model: str, usage: Usage) -> float | None:
        """Return one answer's cost in US dollars; None: the price is not known."""


class LocalModel(Protocol):
    """The built-in model: downloaded once, and run as a local server."""

    name: str
    context_window: int
    """In tokens; exact once the server runs."""
    is_demo: bool
    """It is the small model that comes with the program, not one of the user's."""

    def prepare(self) -> AsyncIterator[Progress]:
        """Download and start what is missing, yielding progress; concurrent calls share one run.

        Ends when the server is ready. Raises ``LocalModelError``; a later call tries again.
        """

    def server(self) -> Server:
        """Return the running server, after ``prepare``."""

    def is_fetched(self) -> bool:
        """Return whether the weights are on this machine."""

    async def close(self) -> None:
        """Stop the server at once."""
