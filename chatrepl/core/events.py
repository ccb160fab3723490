"""Everything that can happen, as one closed union of small values.

Turns and commands yield events; a front end draws them. Text in an event is exact, as it came from
the outside: whoever draws it must pass it through ``chatrepl.core.text.terminal_safe`` first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from chatrepl.core.errors import ChatreplError
from chatrepl.core.messages import Json, Message, SessionRecord, Usage

__all__ = [
    "Among",
    "AnswerEnded",
    "AnswerStarted",
    "ChoiceFinished",
    "ConversationShown",
    "Delta",
    "DraftReturned",
    "EditorRequested",
    "Event",
    "ExitRequested",
    "Level",
    "MessageAccepted",
    "Meter",
    "ModelEvent",
    "Notice",
    "PlainText",
    "Progress",
    "PromptEvent",
    "ReasoningDelta",
    "RefusalDelta",
    "ResponseStarted",
    "SessionChanged",
    "ShownEvent",
    "Table",
    "TextCopied",
    "TextDelta",
    "TokenScore",
    "TokensScored",
    "ToolCalled",
    "UsageReported",
    "WordsShaded",
]


class Level(Enum):
    """How much a notice matters."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


# What a model's stream yields.


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The server accepted the request: its id for the response and the model's own name."""

    response_id: str | None = None
    model: str | None = None
    created: int | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A further piece of an answer; any cut, also inside a grapheme, never inside a code point."""

    text: str
    index: int = 0
    """Which of several choices it belongs to."""


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A further piece of the model's thinking, which comes before or between the answer's text."""

    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """A further piece of a refusal, which takes the answer's place."""

    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model called a tool (this program offers none); whole, however it was streamed."""

    name: str
    arguments: str
    index: int = 0
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class UsageReported:
    """What the server says the request and the answer used."""

    usage: Usage
    as_sent: Mapping[str, Json] = field(default_factory=dict, compare=False)
    """All that the server said of it, in its own form."""


@dataclass(frozen=True, slots=True)
class ChoiceFinished:
    """The server ended one choice, and why (``stop``, ``length``, ``content_filter``, …)."""

    finish_reason: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class TokenScore:
    """One token of an answer, and how sure the model was of it."""

    token: str
    logprob: float
    """The natural logarithm of its probability; finite, 0 at the most."""
    data: bytes | None = None
    """The token to the letter: its text shows a part of a character as something else."""
    others: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens in its place, each with its logarithm; the token may be among them."""


@dataclass(frozen=True, slots=True)
class TokensScored:
    """How sure the model was of some further tokens of an answer, in order."""

    scores: tuple[TokenScore, ...]
    index: int = 0


ModelEvent = (
    ResponseStarted
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCalled
    | UsageReported
    | TokensScored
    | ChoiceFinished
)

Delta = TextDelta | ReasoningDelta | RefusalDelta
"""A piece of an answer's text, of any kind."""


# What a turn or a command yields.


@dataclass(frozen=True, slots=True)
class MessageAccepted:
    """A user message is in the conversation (and on disk, unless told otherwise)."""

    message: Message


@dataclass(frozen=True, slots=True)
class Among:
    """Which of several answers to one message it is."""

    number: int
    """As ``/alternatives`` and ``/pick`` count them, from 1: older answers come before it."""
    of: int
    """How many answers the message then has."""
    beside: tuple[str, ...] = ()
    """The models, where several are compared: one for each new answer, in order."""

    @property
    def is_compared(self) -> bool:
        """Say whether the new answers come from several models."""
        return bool(self.beside)


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """A request goes out; an answer may follow. Shown as waiting until text comes.

    Comes again where the request is sent again.
    """

    model: str
    index: int = 0
    """Of several answers of one turn, from 0; their further events carry it too."""
    among: Among | None = None
    """``None``: it is the only one of its turn."""


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """The answer is over, in whatever state, and kept. ``elapsed_s`` from request to last byte."""

    message: Message
    elapsed_s: float = 0.0
    first_text_s: float | None = None
    """From request to the first text."""
    index: int = 0
    among: Among | None = None
    error: "Notice | None" = None
    """What ended one of several answers; that of the only answer of a turn is an event."""
    tokens: int | None = None
    """Of a compared answer: its length as the server reported it, else as it is counted here."""
    is_estimate: bool = False
    """``tokens`` was counted with a vocabulary that is not the model's own."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One line about what happened; with a hint on what to do."""

    text: str
    level: Level = Level.INFO
    hint: str = ""
    stays: bool = False
    """Remains visible (in the toolbar) until a notice with the same topic and no text."""
    topic: str = ""
    exit_code: int = 0
    """What the program ends with where this is the end of it."""

    @classmethod
    def of(cls, error: ChatreplError) -> "Notice":
        """Tell an error."""
        return cls(error.message, Level.ERROR, error.hint, exit_code=error.exit_code)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings. ``numeric`` lists the columns (from 0) that are aligned right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    footer: Sequence[str] = ()
    """Lines below the table."""
    numeric: frozenset[int] = frozenset()
    is_clipped: bool = False
    """The last column, which may be long, is cut so that each row is one line where that fits."""


@dataclass(frozen=True, slots=True)
class Meter:
    """How something is filled: named shares of a whole, in order, and lines about it."""

    shares: Sequence[tuple[str, int]]
    total: int
    lines: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PlainText:
    """Text shown as it is, line by line; ``language`` (e.g. ``json``) may colour it."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class WordsShaded:
    """An answer's text in pieces, each with the probability of its least sure token."""

    pieces: Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class ConversationShown:
    """Messages printed again, drawn exactly as when they came."""

    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long task is; ``total`` of 0: unknown. ``done == total`` ends the bar."""

    label: str
    done: int
    total: int
    unit: str = "B"


@dataclass(frozen=True, slots=True)
class DraftReturned:
    """Text that goes back to the input line (to the input history, if the line is in use)."""

    text: str
    offers: bool = False
    """The completion menu opens at its end."""
    was_sent: bool = False
    """It is taken back out of the conversation."""


@dataclass(frozen=True, slots=True)
class EditorRequested:
    """Open the user's editor on this text; what is saved comes back to the input line."""

    text: str


@dataclass(frozen=True, slots=True)
class TextCopied:
    """Text that no clipboard program took: the terminal may set its clipboard itself."""

    text: str


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """Another session, or none yet (``None``), is current: titles and toolbars follow."""

    record: SessionRecord | None


@dataclass(frozen=True, slots=True)
class ExitRequested:
    """The user wants to leave."""


ShownEvent = (
    MessageAccepted
    | AnswerStarted
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
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
