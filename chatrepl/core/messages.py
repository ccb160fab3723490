"""The values a conversation is made of: messages, usage, sessions. Immutable; times are UTC."""

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field
from datetime import datetime
from enum import StrEnum
from operator import add

from chatrepl.core.json_value import Json

__all__ = [
    "Json",
    "Marks",
    "Message",
    "SearchHit",
    "SessionRecord",
    "SessionSummary",
    "State",
    "Usage",
    "UsageTotal",
    "usage_fields",
]


class State(StrEnum):
    """How far a message came."""

    COMPLETE = "complete"
    STOPPED = "stopped"
    """The user stopped it; what came is kept."""
    CUT = "cut"
    """The stream, or the program, ended before the answer did."""
    FAILED = "failed"
    """Sent (or about to be), and not one byte of an answer came."""
    STREAMING = "streaming"
    """Arriving now. On disk after a crash: becomes ``CUT`` at the next start."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server reported that one answer used, in tokens; ``None`` where it said nothing."""

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
    """Put what was used into the form of every JSON that this program writes; None: nothing."""
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
    """Thinking shown apart from the answer; never sent back."""
    attachments: tuple[Mapping[str, Json], ...] = ()
    state: State = State.COMPLETE
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """The sampling parameters that were sent."""
    response_id: str | None = None
    prompt_digest: str | None = None
    """Names the exact messages this answer was given to, for the count the server reported."""
    summary_of: tuple[str, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)
    """What else there is to keep, by its name in the JSON form; it survives a round trip.

    Of this program's own answers: cost, timing, log probabilities, refusal, tool calls and
    fingerprint. Of an imported message: every field that this program does not know.
    """


@dataclass(frozen=True, slots=True)
class Marks:
    """Ids of messages whose whole turn is pinned in, or dropped from, what is sent."""

    pinned: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session: a head in the tree, and settings."""

    id: str
    title: str
    created: datetime
    updated: datetime
    name: str | None = None
    """Unique, given by the user."""
    head: str | None = None
    """Id of the newest message on the current path."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """Values set by commands in this session, by setting key; ``None`` resets to unset."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Fields of an imported transcript that this program does not know; kept."""


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One row of the list of sessions."""

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
    """A message that holds all the words of a search, with the first of them in context."""

    session_id: str
    """A session outside the bin that shows the message: the one that made it, else a fork."""
    session_name: str | None
    title: str
    message_id: str
    role: str
    created: datetime
    before: str
    match: str
    """As it is written in the message."""
    after: str
