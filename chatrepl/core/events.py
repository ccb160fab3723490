"""Events: one closed union of small values, which turns and commands yield and front ends draw.

Text in an event is exact, as it came from the outside: it must pass through
``chatrepl.core.text.terminal_safe`` before it is drawn.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import groupby
from typing import TypeVar, cast

from chatrepl.core.errors import ChatreplError
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, SessionRecord, Usage


class Level(Enum):
    """The level of a notice."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


# Events of a model's stream.


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The start of a response: its id, the model's own name, and what else the server tells."""

    response_id: str | None = None
    model: str | None = None
    created: int | None = None
    """In seconds since 1970."""
    system_fingerprint: str | None = None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A further piece of an answer, cut anywhere between two code points."""

    text: str
    index: int = 0
    """The choice that it belongs to, of several."""


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A further piece of the model's reasoning, before or between the answer's text."""

    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """A further piece of a refusal, which takes the answer's place."""

    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """A whole call of a tool by the model (this program offers none)."""

    name: str
    arguments: str
    index: int = 0
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class UsageReported:
    """The tokens that the request and the answer used, as the server reports them."""

    usage: Usage
    as_sent: Mapping[str, Json] = field(default_factory=dict, compare=False)
    """The whole report in the server's own form."""


@dataclass(frozen=True, slots=True)
class ChoiceFinished:
    """The end of one choice, with its reason (``stop``, ``length``, ``content_filter``, …)."""

    finish_reason: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class TokenScore:
    """One token of an answer with its probability."""

    token: str
    logprob: float
    """The natural logarithm of its probability: finite, at most 0."""
    data: bytes | None = None
    """The token's bytes: in its text, a part of a character is replaced."""
    others: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens in its place, with their logprobs; the token may be among them."""


@dataclass(frozen=True, slots=True)
class TokensScored:
    """Probabilities of further tokens of an answer, in order."""

    scores: tuple[TokenScore, ...]
    index: int = 0


Delta = TextDelta | ReasoningDelta | RefusalDelta
"""A piece of an answer's text, of any kind."""

ModelEvent = ResponseStarted | Delta | ToolCalled | UsageReported | TokensScored | ChoiceFinished


# Events of a turn or a command.


@dataclass(frozen=True, slots=True)
class MessageAccepted:
    """A user message that is now in the conversation (and on disk, unless a notice says no)."""

    message: Message


@dataclass(frozen=True, slots=True)
class Among:
    """The position of an answer among several to one message."""

    number: int
    """As ``/alternatives`` and ``/pick`` count, from 1: older answers come before it."""
    of: int
    """The number of answers that the message then has."""
    models: tuple[str, ...] = ()
    """The models, where several are compared: one for each new answer, in order."""

    @property
    def is_compared(self) -> bool:
        """True if the new answers come from several models."""
        return bool(self.models)


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """A request that goes out for an answer, which is awaited until text comes.

    Comes again where the request is sent again.
    """

    model: str
    index: int = 0
    """Among the answers of one turn, from 0; their further events carry it too."""
    among: Among | None = None
    """None: it is the only answer of its turn."""


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """The end of an answer, in whatever state; it is saved."""

    message: Message
    elapsed_s: float = 0.0
    """From request to last byte."""
    first_text_s: float | None = None
    """From request to the first text."""
    index: int = 0
    among: Among | None = None
    error: "Notice | None" = None
    """The error that ended one of several answers; for an only answer it is an event."""
    tokens: int | None = None
    """The length of a compared answer, as the server reported it, else as counted here."""
    is_estimate: bool = False
    """``tokens`` was counted with another vocabulary than the model's own."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One line about what happened, with a hint on what to do."""

    text: str
    level: Level = Level.INFO
    hint: str = ""
    stays: bool = False
    """Stays visible (in the toolbar) until a notice with the same topic and no text."""
    topic: str = ""
    exit_code: int = 0
    """The program's exit code where this notice ends it."""

    @classmethod
    def of(cls, error: ChatreplError) -> "Notice":
        """Make the notice of an error."""
        return cls(error.message, Level.ERROR, error.hint, exit_code=error.exit_code)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    footer: Sequence[str] = ()
    """Lines below the table."""
    numeric: frozenset[int] = frozenset()
    """The columns, from 0, that are aligned right."""
    is_clipped: bool = False
    """The last column, which may be long, is cut so that a row is one line where that fits."""


@dataclass(frozen=True, slots=True)
class Meter:
    """The shares of a whole, by name and in order, with lines about it."""

    shares: Sequence[tuple[str, int]]
    total: int
    lines: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PlainText:
    """Text that is shown as it is, line by line."""

    text: str
    language: str = ""
    """The language to highlight it as, e.g. ``json``; empty: none."""


@dataclass(frozen=True, slots=True)
class WordsShaded:
    """An answer's text in pieces, each with the probability of its least likely token."""

    pieces: Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class ConversationShown:
    """Messages to print again, drawn exactly as when they arrived."""

    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a long task. ``done == total`` ends its bar."""

    label: str
    done: int
    total: int
    """0: not known."""
    unit: str = "B"


@dataclass(frozen=True, slots=True)
class DraftReturned:
    """Text for the input line (for the input history, if the line is in use)."""

    text: str
    offers: bool = False
    """Open the completion menu at its end."""
    was_sent: bool = False
    """It was a message of the conversation, and is taken back."""


@dataclass(frozen=True, slots=True)
class EditorRequested:
    """A request to open the user's editor on a text, and take what is saved as the draft."""

    text: str


@dataclass(frozen=True, slots=True)
class TextCopied:
    """Text for the terminal's own clipboard, as no clipboard program took it."""

    text: str


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """A change of the current session: titles and toolbars follow."""

    record: SessionRecord | None
    """None: the new one is not saved yet."""


@dataclass(frozen=True, slots=True)
class ExitRequested:
    """A request to end the program."""


ShownEvent = (
    MessageAccepted
    | AnswerStarted
    | Delta
    | ToolCalled
    | AnswerEnded
    | Notice
    | Table
    | Meter
    | PlainText
    | WordsShaded
    | ConversationShown
    | Progress
)
"""Events that are drawn."""

PromptEvent = DraftReturned | EditorRequested | TextCopied | SessionChanged | ExitRequested
"""Events that a front end carries out; nothing is drawn for them."""

Event = ShownEvent | PromptEvent
"""All events: those that are drawn, and requests to the front end."""

_Event = TypeVar("_Event", bound=Event)


def join_deltas(events: Iterable[_Event]) -> Iterator[_Event]:
    """Join each run of deltas of one kind and one answer: few long pieces cost less to show."""
    for _, run in groupby(events, lambda event: (type(event), getattr(event, "index", None))):
        first, *others = run
        if others and isinstance(first, Delta):
            deltas = cast("Sequence[Delta]", others)
            yield replace(first, text=first.text + "".join([delta.text for delta in deltas]))
        else:
            yield first
            yield from others
