"""The token budget: what a message counts, what one request may use, and which turns go.

Counting is the chat format's (openai-cookbook, "How to count tokens with tiktoken"): tokens per
message, per name, and the reply's priming. Pure arithmetic; whoever counts a text is passed in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from chatrepl.core.conversation import Turns
from chatrepl.core.messages import Message

__all__ = [
    "UNKNOWN_WINDOW_TOKENS",
    "Anchor",
    "Contents",
    "Format",
    "Limits",
    "Measure",
    "Plan",
    "fit",
    "format_of",
]

UNKNOWN_WINDOW_TOKENS = 8192
_MOST_RESERVE_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Format:
    """What the chat format adds to the texts, in tokens."""

    per_message: int = 3
    per_name: int = 1
    priming: int = 3


def format_of(model: str) -> Format:
    """Return the chat format of a model."""
    return Format(4, -1, 3) if model == "gpt-3.5-turbo-0301" else Format()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may use, in tokens."""

    window: int
    window_is_known: bool
    budget: int
    reserve: int
    max_tokens: int | None = None

    @classmethod
    def of(
        cls,
        *,
        window: int | None,
        budget: int | None,
        reserve: int | None,
        max_tokens: int | None,
    ) -> "Limits":
        """Fill in what is not set; ``None`` means not known, not set."""
        size = window or UNKNOWN_WINDOW_TOKENS
        usable = min(budget or size, size)
        if reserve is None:
            reserve = max_tokens or min(_MOST_RESERVE_TOKENS, size // 4)
            if max_tokens is None and reserve >= usable:
                # A small budget that nobody reserved anything of must still let a message through.
                reserve = usable // 4
        return cls(size, window is not None, budget or size, reserve, max_tokens)

    @property
    def room(self) -> int:
        """What the messages of a request may use; not above zero: nothing can be sent."""
        room = min(self.budget, self.window) - self.reserve
        return min(room, self.window - self.max_tokens) if self.max_tokens else room


@dataclass(frozen=True, slots=True)
class Anchor:
    """A count that a server gave for the exact beginning of a conversation."""

    message_ids: tuple[str, ...]
    """The messages that were sent, system text aside, in order."""
    prompt_tokens: int
    """As counted for them with the system text, the reply's priming included."""
    answer_id: str = ""
    answer_tokens: int = 0
    """What that answer counts when it is sent back, as far as the server told; 0: it did not."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How much things count, in tokens."""

    message: Callable[[Message], int]
    """One message with all that the chat format adds to it."""
    turn: Callable[[Turns, int], int]
    """The same for all messages of a turn, which is named by its index."""
    system: int = 0
    """The system text; 0: there is none."""
    priming: int = 0
    ratio: float = 1.0
    """What the server counts over what is counted here."""

    def scaled(self, tokens: int) -> int:
        """Correct a count by what is known of the server's own."""
        return tokens if self.ratio == 1.0 else round(tokens * self.ratio)


@dataclass(frozen=True, slots=True)
class Contents:
    """What there is to choose from. Turns are named by their index."""

    system: Message | None
    turns: Turns
    pinned: frozenset[int] = frozenset()
    dropped: frozenset[int] = frozenset()
    summarised: frozenset[int] = frozenset()
    """Turns that a summary stands for."""
    summaries: Mapping[int, Message] = field(default_factory=dict)
    """Each always goes, just before the turn of its index."""

    @property
    def fixed(self) -> frozenset[int]:
        """Turns that always go: the pinned ones and the newest."""
        newest = {len(self.turns) - 1} if len(self.turns) else set()
        return (self.pinned | newest) - self.left_out

    @property
    def left_out(self) -> frozenset[int]:
        """Turns that never go."""
        return self.dropped | self.summarised

    def chosen(self, indexes: Sequence[int]) -> list[Message]:
        """Return the messages of turns (in order) with the summaries, without the system text."""
        messages: list[Message] = []
        waiting = sorted(self.summaries)
        at = 0
        while at < len(indexes):
            first = after = indexes[at]
            while waiting and waiting[0] <= first:
                messages.append(self.summaries[waiting.pop(0)])
            stop = waiting[0] if waiting else len(self.turns)
            while at < len(indexes) and indexes[at] == after and after < max(stop, first + 1):
                at, after = at + 1, after + 1
            messages += self.turns.messages(first, after)
        return [*messages, *(self.summaries[index] for index in waiting)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be sent now, and what it counts."""

    contents: Contents
    indexes: Sequence[int]
    """The turns that go, in order."""
    sent: Sequence[Message]
    """The messages that go, in order, the system text first."""
    tokens: int
    """The whole request, the reply's priming included."""
    limits: Limits
    omitted_turns: int = 0
    """Turns that went out because they no longer fit."""
    plain_tokens: int = 0
    """The whole request as it is counted here, without any correction."""
    is_reported: bool = False
    """A server's own count stands for the beginning."""
    new_messages: int = 0
    """If so: messages that came after what the server counted."""

    @property
    def fits(self) -> bool:
        """Say whether what must go fits."""
        return self.tokens <= self.limits.room


def fit(contents: Contents, measure: Measure, limits: Limits, anchor: Anchor | None = None) -> Plan:
    """Choose the turns that go: pinned ones and the newest always, beyond that the newest that fit.

    Whole turns go out, oldest first, and none that could stay; only turns that may fit are looked
    at. A plan whose fixed part alone is too large is returned and does not ``fit``.
    """
    chooser = _Chooser(contents, measure)
    optional = chooser.newest_that_fit(limits.room)
    if anchor is not None and (reported := chooser.reported(anchor)) is not None:
        if len(reported.optional) > len(optional) and reported.tokens <= limits.room:
            # The server's own count leaves more room than the estimate does.
            optional = reported.optional
        elif len(reported.optional) == len(optional) and reported.tokens > limits.room:
            optional = optional[:-1]
        if len(reported.optional) == len(optional):
            return chooser.made(optional, limits, reported)
    return chooser.made(optional, limits, None)


@dataclass(frozen=True, slots=True)
class _Reported:
    optional: Sequence[int]
    tokens: int
    new_messages: int


class _Chooser:
    """Tries choices. A choice is a number of the newest turns that may go out, newest first."""

    def __init__(self, contents: Contents, measure: Measure) -> None:
        self._contents = contents
        self._measure = measure
        self._turns = contents.turns
        self._fixed = contents.fixed
        self._never = contents.left_out
        self._base = self._fixed_tokens()

    def newest_that_fit(self, room: int) -> Sequence[int]:
        """Return the longest choice that fits by the estimate; maybe none."""
        tokens = self._base
        optional: list[int] = []
        for index in range(len(self._turns) - 1, -1, -1):
            if index in self._fixed or index in self._never:
                continue
            tokens += self._turn(index)
            if tokens > room:
                break
            optional.append(index)
        return optional

    def reported(self, anchor: Anchor) -> _Reported | None:
        """Return the one choice that begins with exactly what the server counted, if any does."""
        summaries = {summary.id for summary in self._contents.summaries.values()}
        oldest = len(self._turns)
        for message_id in anchor.message_ids:
            index = self._turns.index_of(message_id)
            if index is None and message_id not in summaries:
                return None
            if index is not None and index not in self._fixed:
                oldest = index
                break
        optional = self._all_from(oldest)
        messages = self._contents.chosen(self._indexes(optional))
        begins = len(anchor.message_ids)
        if tuple(message.id for message in messages[:begins]) != anchor.message_ids:
            return None
        new = messages[begins:]
        tokens = anchor.prompt_tokens
        if new and new[0].id == anchor.answer_id and anchor.answer_tokens:
            tokens += anchor.answer_tokens
            new = new[1:]
        tokens += self._measure.scaled(sum(self._measure.message(message) for message in new))
        return _Reported(optional, tokens, len(messages) - begins)

    def made(self, optional: Sequence[int], limits: Limits, reported: _Reported | None) -> Plan:
        """Make the plan of a choice."""
        contents, measure = self._contents, self._measure
        indexes = self._indexes(optional)
        plain = sum(measure.turn(self._turns, index) for index in indexes)
        plain += measure.system + measure.priming
        plain += sum(measure.message(summary) for summary in contents.summaries.values())
        messages = contents.chosen(indexes)
        return Plan(
            contents=contents,
            indexes=indexes,
            sent=messages if contents.system is None else [contents.system, *messages],
            tokens=reported.tokens
            if reported
            else self._base + sum(self._turn(index) for index in optional),
            limits=limits,
            omitted_turns=len(self._turns) - len(self._fixed | self._never) - len(optional),
            plain_tokens=plain,
            is_reported=reported is not None,
            new_messages=reported.new_messages if reported else 0,
        )

    def _fixed_tokens(self) -> int:
        measure = self._measure
        summaries = self._contents.summaries.values()
        return (
            measure.priming
            + measure.scaled(measure.system)
            + sum(measure.scaled(measure.message(summary)) for summary in summaries)
            + sum(self._turn(index) for index in self._fixed)
        )

    def _turn(self, index: int) -> int:
        return self._measure.scaled(self._measure.turn(self._turns, index))

    def _indexes(self, optional: Sequence[int]) -> list[int]:
        return sorted([*optional, *self._fixed])

    def _all_from(self, oldest: int) -> list[int]:
        return [
            index
            for index in range(len(self._turns) - 1, oldest - 1, -1)
            if index not in self._fixed and index not in self._never
        ]
