"""Immutable values of conversations: messages, usage, sessions. Times are in UTC."""

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field
from datetime import datetime
from enum import StrEnum
from operator import add

from chatrepl.core.json_value import Json


class State(StrEnum):
    """The state of a message."""

    COMPLETE = "complete"
    STOPPED = "stopped"
    """Stopped by the user; the received part is kept."""
    CUT = "cut"
    """Incomplete, as the stream or the program ended early."""
    FAILED = "failed"
    """A sent message to which not one byte of an answer came."""
    STREAMING = "streaming"
    """Being received. Found on disk after a crash, it becomes ``CUT``."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One answer's usage in tokens, as the server reported it; None: not reported."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """The usage of all answers of one model, in tokens, and its cost."""

    model: str
    answers: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    """Answers whose price is not known."""

    def plus(self, other: "UsageTotal") -> "UsageTotal":
        """Add up two totals of the same model."""
        mine, others = astuple(self)[1:], astuple(other)[1:]
        return UsageTotal(self.model, *map(add, mine, others))


def usage_fields(usage: Usage | None) -> dict[str, Json] | None:
    """Return usage in the form of the program's own JSON; None for none."""
    return None if usage is None else asdict(usage)


@dataclass(frozen=True, slots=True)
class Message:
    """One node of the conversation tree."""

    id: str
    parent: str | None
    role: str
    content: str
    created: datetime
    name: str | None = None
    reasoning: str = ""
    """The model's reasoning, shown apart from the answer and never sent back."""
    attachments: tuple[Mapping[str, Json], ...] = ()
    state: State = State.COMPLETE
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """The sampling parameters that were sent."""
    response_id: str | None = None
    prompt_digest: str | None = None
    """A digest of the answered prompt, by which its reported count is reused."""
    summary_of: tuple[str, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Further fields by their names in the JSON form; they survive a round trip.

    In this program's own answers: cost, timing, log probabilities and other metadata (see
    ``core.conversation.metadata``). In imported messages: every field that is not known here.
    """


@dataclass(frozen=True, slots=True)
class Marks:
    """Ids of messages whose whole turn is pinned in, or dropped from, requests."""

    pinned: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SessionServer:
    """The server that a session last used: kept to be compared, never to connect to."""

    host: str
    """With its port; empty: the built-in model."""
    profile: str | None = None
    """Name of the profile; None: without one."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """The database record of a session."""

    id: str
    title: str
    created: datetime
    updated: datetime
    name: str | None = None
    """Unique; given by the user."""
    head: str | None = None
    """Id of the newest message on the current path."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """Values set by commands in this session, by setting key; None resets one to unset."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Fields of an imported transcript that this program does not know."""
    server: SessionServer | None = None
    """None: nothing was sent yet, or an earlier version saved the session. Never exported."""


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A row of the list of sessions."""

    id: str
    title: str
    updated: datetime
    name: str | None
    model: str | None
    message_count: int
    first_words: str
    size_bytes: int = 0
    deleted: datetime | None = None


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A message that contains all the words of a search, with its first match in context."""

    session_id: str
    """A session outside the bin with the message: the one that made it, else a fork."""
    session_name: str | None
    title: str
    message_id: str
    role: str
    created: datetime
    before: str
    match: str
    """The matched words as they are in the message."""
    after: str
