"""What the core needs of the outside world, as protocols; services and terminal implement them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from chatrepl.core.events import ModelEvent, Progress
from chatrepl.core.messages import (
    Json,
    Marks,
    Message,
    SearchHit,
    SessionRecord,
    SessionSummary,
    Usage,
)
from chatrepl.core.usage import UsageTotal

__all__ = [
    "Catalog",
    "ChatModel",
    "ChatRequest",
    "Clipboard",
    "Clock",
    "Files",
    "LoadedSession",
    "LocalModel",
    "ModelInfo",
    "Person",
    "Price",
    "Secret",
    "Server",
    "Store",
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


@dataclass(frozen=True, slots=True)
class LoadedSession:
    """A session as it is on disk."""

    record: SessionRecord
    messages: Sequence[Message]
    """Every message of its tree, parents first."""
    marks: Marks = field(default_factory=Marks)
    recovered: Sequence[str] = ()
    """Ids of answers that a crash had left unfinished and that are now marked as cut."""
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Tokens of a message's content by (message id, encoding), where counted before."""


class Store(Protocol):
    """Keeps sessions. Every method returns when the change is on disk; all raise ``StoreError``.

    A lone surrogate or NUL in a text survives a round trip.
    """

    warnings: list[str]
    """What users must be told, one line each; whoever tells it takes it out."""

    async def create(self, record: SessionRecord, messages: Sequence[Message] = ()) -> None:
        """Add a session with its first messages (parents first), in one transaction.

        A name that another session (not in the bin) has is a ``UsageError``.
        """
        ...

    async def update(self, record: SessionRecord) -> None:
        """Replace a session's name, title, head and settings. A taken name: ``UsageError``."""
        ...

    async def add(self, session_id: str, messages: Sequence[Message], head: str | None) -> None:
        """Add messages (parents first) and move the session's head, in one transaction."""
        ...

    async def begin_answer(self, session_id: str, message: Message) -> None:
        """Add an answer in state ``STREAMING``; the head stays where it is."""
        ...

    async def append(self, message_id: str, text: str, reasoning: str) -> None:
        """Add received text to a streaming answer, without rewriting what is there."""
        ...

    async def finish_answer(self, session_id: str, message: Message, head: str | None) -> None:
        """Write an answer's end state, all its fields, and the head, in one transaction."""
        ...

    async def set_state(
        self, session_id: str, message_id: str, state: str, head: str | None
    ) -> None:
        """Change one message's state (a sent message that failed) and the head."""
        ...

    async def set_marks(self, session_id: str, marks: Marks) -> None:
        """Replace a session's pins and drops."""
        ...

    async def set_counts(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Remember token counts by (message id, encoding)."""
        ...

    async def load(self, session_id: str) -> LoadedSession:
        """Read a session by id; unfinished answers that nobody is writing are marked as cut."""
        ...

    async def find(self, name: str, *, deleted: bool = False) -> SessionRecord | None:
        """Find a session by its exact name, else by its id or a unique beginning of its id.

        A beginning has four characters at least: a digit is a number in a list. ``deleted`` looks
        in the bin, else it is left out.
        """
        ...

    async def newest(self) -> SessionRecord | None:
        """Return the session that was written to last, or None."""
        ...

    async def sessions(
        self, words: str = "", *, deleted: bool = False, limit: int = 0
    ) -> Sequence[SessionSummary]:
        """List sessions, newest first; ``words`` filter name, title and first words."""
        ...

    async def search(self, words: str, limit: int = 20) -> Sequence[SearchHit]:
        """Find messages outside the bin that hold all the words, best first."""
        ...

    async def delete(self, session_id: str) -> None:
        """Put a session in the bin; one that is open elsewhere is a ``UsageError``."""
        ...

    async def restore(self, session_id: str) -> None:
        """Take a session out of the bin; a name that was taken meanwhile is dropped."""
        ...

    async def usage(self, since: datetime) -> Sequence[UsageTotal]:
        """Add up what all sessions used from a moment on, by model."""
        ...

    async def lock(self, session_id: str) -> bool:
        """Take a session for this process; False: another has it. One session at a time."""
        ...

    async def close(self) -> None:
        """Finish writing, release the lock and the file."""
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


class Clipboard(Protocol):
    """The desktop's clipboard."""

    async def copy(self, text: str) -> bool:
        """Put text on the clipboard; False: no clipboard program is there."""
        ...


class Files(Protocol):
    """Files that the user names. Paths may begin with ``~``. All raise ``UsageError``."""

    async def read(self, path: str) -> str:
        """Return a text file's content; too large, binary or missing: an error that says so."""
        ...

    async def write(self, path: str, text: str, *, replace: bool = False) -> str:
        """Write a private file, and return its full path. There already: only if ``replace``."""
        ...

    def names_file(self, path: str) -> bool:
        """Say whether a path names an existing file or folder."""
        ...

    def is_file(self, path: str) -> bool:
        """Say whether a path names an existing file, and no folder."""
        ...

    def matching(self, begun: str) -> Sequence[str]:
        """Complete a path: at most 50, as they would be typed; folders end in a slash."""
        ...


class Clock(Protocol):
    """Time, passed in."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""
        ...


class Person(Protocol):
    """Whoever may be asked something."""

    @property
    def has_input_line(self) -> bool:
        """Whether there is a line that text can be put into, with keys that do more than type."""
        ...

    async def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask yes or no; where there is no person the answer is no."""
        ...

    async def ask_text(self, question: str, *, secret: bool = False) -> str | None:
        """Ask for a line of text, not shown if ``secret``; None: cancelled, or nobody is there."""
        ...
