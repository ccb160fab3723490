"""The token budget: what a message counts, what one request may use, and which turns go.

Counting is the chat format's (openai-cookbook, "How to count tokens with tiktoken"): tokens per
message, per name, and the reply's priming. Pure arithmetic; whoever counts a text is passed in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatrepl.core.conversation import Turn
from chatrepl.core.messages import Marks, Message

__all__ = ["UNKNOWN_WINDOW_TOKENS", "Anchor", "Format", "Limits", "Plan", "Row", "fit", "format_of"]

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
    """A count that a server reported for the exact beginning of a conversation."""

    message_ids: tuple[str, ...]
    """The messages that were sent, system text aside, oldest first."""
    prompt_tokens: int
    """As reported for them with the system text, the reply's priming included."""


@dataclass(frozen=True, slots=True)
class Row:
    """One message of the path, as ``/context`` shows it."""

    number: int
    """Its position on the path, from 1; 0 is the system text."""
    message: Message
    tokens: int
    is_in: bool
    is_pinned: bool = False
    is_dropped: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be sent now, and what it counts."""

    rows: Sequence[Row]
    tokens: int
    """The whole request, the reply's priming included."""
    limits: Limits
    omitted_turns: int
    """Turns that went out because they no longer fit."""
    is_reported: bool = False
    """A server's own count stands for the beginning."""

    @property
    def sent(self) -> list[Message]:
        """The messages that go, in order, the system text first."""
        return [row.message for row in self.rows if row.is_in]

    @property
    def fits(self) -> bool:
        """Say whether what must go fits."""
        return self.tokens <= self.limits.room


def fit(
    system: Message | None,
    turns: Sequence[Turn],
    *,
    marks: Marks,
    limits: Limits,
    count: Callable[[Message], int],
    priming: int,
    anchor: Anchor | None = None,
) -> Plan:
    """Choose the turns that go: pinned ones and the newest always, beyond that the newest that fit.

    ``count`` gives a message's tokens with all that the format adds to it. Whole turns go out,
    oldest first; a plan whose fixed part alone is too large is returned and does not ``fit``.
    """
    chooser = _Chooser(system, turns, marks, count, priming, anchor)
    return chooser.plan(limits)


class _Chooser:
    """Finds the smallest number of oldest turns that must go out."""

    def __init__(
        self,
        system: Message | None,
        turns: Sequence[Turn],
        marks: Marks,
        count: Callable[[Message], int],
        priming: int,
        anchor: Anchor | None,
    ) -> None:
        self._system = system
        self._turns = turns
        self._count = count
        self._anchor = anchor
        self._pinned = [_is_marked(turn, marks.pinned) for turn in turns]
        self._dropped = [_is_marked(turn, marks.dropped) for turn in turns]
        if turns:
            self._dropped[-1] = False
        self._base = priming + (count(system) if system else 0)
        self._cost = [
            0 if dropped else sum(count(message) for message in turn.messages)
            for turn, dropped in zip(turns, self._dropped, strict=True)
        ]

    def plan(self, limits: Limits) -> Plan:
        """Leave out the fewest oldest turns such that the rest fits."""
        last = len(self._turns) - 1
        may_go = [
            index for index in range(last) if not self._pinned[index] and not self._dropped[index]
        ]
        at, reported = self._reported(may_go)
        estimate = self._base + sum(self._cost)
        omitted = 0
        tokens = reported if at == 0 else estimate
        while tokens > limits.room and omitted < len(may_go):
            estimate -= self._cost[may_go[omitted]]
            omitted += 1
            tokens = reported if at == omitted else estimate
        return Plan(
            rows=self._rows(set(may_go[:omitted])),
            tokens=tokens,
            limits=limits,
            omitted_turns=omitted,
            is_reported=at == omitted,
        )

    def _reported(self, may_go: Sequence[int]) -> tuple[int, int]:
        """Return for how many omitted turns the server's own count holds, and the total then.

        It holds where the choice begins with exactly the messages that were sent then: for one
        number of omitted turns at the most. (-1, 0): for none.
        """
        anchor = self._anchor
        if anchor is None or not anchor.message_ids:
            return -1, 0
        known = frozenset(anchor.message_ids)
        omitted = 0
        for index in may_go:
            if self._turns[index].messages[0].id in known:
                break
            omitted += 1
        out = set(may_go[:omitted])
        kept = [
            message
            for index, turn in enumerate(self._turns)
            if index not in out and not self._dropped[index]
            for message in turn.messages
        ]
        begins = len(anchor.message_ids)
        if tuple(message.id for message in kept[:begins]) != anchor.message_ids:
            return -1, 0
        rest = sum(self._count(message) for message in kept[begins:])
        return omitted, anchor.prompt_tokens + rest

    def _rows(self, out: set[int]) -> list[Row]:
        rows: list[Row] = []
        if self._system is not None:
            rows.append(Row(0, self._system, self._count(self._system), is_in=True))
        number = 0
        for index, turn in enumerate(self._turns):
            for message in turn.messages:
                number += 1
                rows.append(
                    Row(
                        number,
                        message,
                        self._count(message),
                        is_in=index not in out and not self._dropped[index],
                        is_pinned=self._pinned[index],
                        is_dropped=self._dropped[index],
                    )
                )
        return rows


def _is_marked(turn: Turn, marked: frozenset[str]) -> bool:
    return bool(marked) and any(message.id in marked for message in turn.messages)
