"""Fitting a conversation to the token budget: the choice of turns for one request.

Counts follow the chat format (openai-cookbook, "How to count tokens with tiktoken"): tokens per
message, per name, and the reply's priming. Pure arithmetic; the functions that count are passed in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from chatrepl.core.context.limits import Limits
from chatrepl.core.conversation.tree import Turns
from chatrepl.core.errors import MessageTooLarge
from chatrepl.core.messages import Message

BLOCK_TURNS = 64
"""Turns in a block, whose count is cached as one."""
_ID = attrgetter("id")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A server's token count of a prompt, for requests that begin with the same messages."""

    message_ids: tuple[str, ...]
    """The messages that were sent, in order, without the system text."""
    prompt_tokens: int
    """The whole prompt, with the system text and the reply's priming."""
    answer_id: str = ""
    answer_tokens: int = 0
    """The answer's tokens when it is sent back, as the server counts; 0: not known."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The token counts of the parts of a request."""

    message: Callable[[Message], int]
    """Counts one message with all that the chat format adds to it."""
    turns: Callable[[Turns, int, int], int]
    """Counts all messages of the turns from an index until before another."""
    system: int = 0
    """The system text; 0: there is none."""
    priming: int = 0
    ratio: float = 1.0
    """The server's tokens per token counted here."""
    folded: Callable[[Sequence[Message]], int] | None = None
    """Counts a system text inside the first user message sent; None: it is sent by itself."""

    def scaled(self, tokens: int) -> int:
        """Correct a sum of counts by the ratio."""
        return tokens if self.ratio == 1.0 else round(tokens * self.ratio)


@dataclass(frozen=True, slots=True)
class Contents:
    """The turns to choose from, by index, and what is sent with any choice.

    A choice is named by its oldest turn: it sends all turns from there on that are not left out,
    and of the older ones those that are fixed.
    """

    system: Message | None
    turns: Turns
    pinned: frozenset[int] = frozenset()
    dropped: frozenset[int] = frozenset()
    summarised: frozenset[int] = frozenset()
    """Turns replaced by a summary."""
    summaries: Mapping[int, Message] = field(default_factory=dict)
    """Summaries, always sent, each just before the turn of its index."""
    opening: Sequence[Message] = ()
    """Example messages, always sent, right after the system text."""
    newest_goes: bool = True
    """The newest turn is fixed; False: a message still to come will be the newest."""

    left_out: frozenset[int] = field(init=False)
    """Turns never sent."""
    fixed: frozenset[int] = field(init=False)
    """Turns always sent: the pinned ones, and mostly the newest."""

    def __post_init__(self) -> None:
        left_out = self.dropped | self.summarised
        newest = {len(self.turns) - 1} if self.newest_goes and len(self.turns) else set()
        object.__setattr__(self, "left_out", left_out)
        object.__setattr__(self, "fixed", (self.pinned | newest) - left_out)

    def sends(self, index: int, oldest: int) -> bool:
        """Return whether a choice sends a turn."""
        return index not in self.left_out and (index >= oldest or index in self.fixed)

    def spans(self, oldest: int) -> Iterator[tuple[int, int]]:
        """Yield a choice's turns in order as spans, each from an index until before another."""
        for index in sorted(index for index in self.fixed if index < oldest):
            yield index, index + 1
        first = oldest
        for index in sorted(index for index in self.left_out if index >= oldest):
            if first < index:
                yield first, index
            first = index + 1
        if first < len(self.turns):
            yield first, len(self.turns)

    def chosen(self, oldest: int) -> list[Message]:
        """Return a choice's messages and the summaries in order, without the opening."""
        messages: list[Message] = []
        summaries = sorted(self.summaries)
        for first, after in self.spans(oldest):
            start = first
            # A summary stands before its turn, or, if that turn is not sent, before the next one.
            while summaries and summaries[0] < after:
                index = summaries.pop(0)
                if index > start:
                    messages += self.turns.messages(start, index)
                    start = index
                messages.append(self.summaries[index])
            messages += self.turns.messages(start, after)
        return [*messages, *(self.summaries[index] for index in summaries)]


@dataclass(frozen=True, slots=True)
class Plan:
    """The messages of one request, and their token count."""

    contents: Contents
    oldest: int
    """The choice: see ``Contents``."""
    sent: Sequence[Message]
    """The messages to send, in order, the system text first."""
    tokens: int
    """The whole request, the reply's priming included."""
    limits: Limits
    omitted_turns: int = 0
    """Turns omitted because they do not fit."""
    plain_tokens: int = 0
    """The whole request by our own count, without any correction."""
    system_tokens: int = 0
    """The system text's part of ``plain_tokens``."""
    is_reported: bool = False
    """The count of the beginning is the server's own."""
    new_messages: int = 0
    """Messages after that beginning."""

    @property
    def fits(self) -> bool:
        """True if the request fits; otherwise its fixed part alone is too large."""
        return self.tokens <= self.limits.room


def fit(contents: Contents, measure: Measure, limits: Limits, anchor: Anchor | None = None) -> Plan:
    """Choose the turns to send: the fixed ones, and beyond them the newest that fit.

    Turns are omitted whole, oldest first, and as few as possible. If the fixed part alone is too
    large, its plan is returned, which does not ``fit``. The cost depends on the turns sent, not on
    all turns.
    """
    chooser = _Chooser(contents, measure)
    oldest = chooser.largest_by_estimate(limits.room)
    if measure.folded is not None:
        oldest = chooser.adjust_for_folding(oldest, limits.room)
    if anchor is not None and (reported := chooser.match(anchor)) is not None:
        # The server's count is exact, so it wins over the estimate in both directions.
        if reported.oldest < oldest and reported.tokens <= limits.room:
            oldest = reported.oldest
        elif reported.oldest == oldest < len(contents.turns) and reported.tokens > limits.room:
            oldest = chooser.next_smaller(oldest)
        if reported.oldest == oldest:
            return chooser.plan(oldest, limits, reported)
    return chooser.plan(oldest, limits, None)


def too_large(plan: Plan, mark: str) -> MessageTooLarge:
    """Return the error for a plan that does not fit; ``mark`` is ≈ for estimates, else empty."""
    limits = plan.limits
    if limits.room <= 0:
        return MessageTooLarge(
            f"a reserve of {limits.reserve:,} tokens leaves nothing of the "
            f"{min(limits.budget, limits.window):,} that a request may use",
            "lower /reserve or /max_tokens, or raise /budget",
        )
    guessed = "≈" if limits.is_guessed else ""
    return MessageTooLarge(
        f"this message and what always goes with it are {mark}{plan.tokens:,} tokens, "
        f"{mark or guessed}{plan.tokens - limits.room:,} more than the "
        f"{guessed}{limits.room:,} there is room for",
        "the model's window is only guessed: if it is larger, say so by /budget N or --budget N"
        if limits.is_guessed
        else "shorten it, or see /context, /budget and /reserve",
    )


@dataclass(frozen=True, slots=True)
class _Reported:
    """The choice that an anchor counts the beginning of."""

    oldest: int
    tokens: int
    new_messages: int


class _Chooser:
    """Measures choices, which form a series: each smaller one lacks the oldest optional turn.

    ``oldest`` is always the index of an optional turn, or the number of turns: only fixed ones.
    The last choice's messages and tokens are cached, as several steps ask for the same.
    """

    def __init__(self, contents: Contents, measure: Measure) -> None:
        self._contents = contents
        self._measure = measure
        self._turns = contents.turns
        self._not_optional = contents.fixed | contents.left_out
        self._messages: tuple[int, list[Message]] = (-1, [])
        self._tokens: tuple[int, int] = (-1, 0)

    def largest_by_estimate(self, room: int) -> int:
        """Return the largest choice that fits by our own count.

        Walks from the newest turn to the oldest and stops at the first that does not fit. Where a
        whole block is optional, it is added at once: its count is cached as one, so that a long
        conversation takes few steps.
        """
        mixed_blocks = {index // BLOCK_TURNS for index in self._not_optional}
        oldest = after = len(self._turns)
        # The fixed turns and all that goes with any choice are counted from the start.
        tokens = fitting = self._measure.system + self._other_tokens(oldest)
        while after:
            newest = after - 1
            if not after % BLOCK_TURNS and newest // BLOCK_TURNS not in mixed_blocks:
                block = self._measure.turns(self._turns, after - BLOCK_TURNS, after)
                if self._measure.scaled(tokens + block) <= room:
                    tokens = fitting = tokens + block
                    oldest = after = after - BLOCK_TURNS
                    continue
                # Some of its turns may still fit: they are tried one by one.
            if newest not in self._not_optional:
                tokens += self._measure.turns(self._turns, newest, after)
                if self._measure.scaled(tokens) > room:
                    break
                oldest, fitting = newest, tokens
            after = newest
        self._tokens = oldest, fitting - self._measure.system
        return oldest

    def adjust_for_folding(self, oldest: int, room: int) -> int:
        """Return the largest choice that fits with the system text inside the first user message.

        Its count depends on that message, as tokens may join where the two texts meet. It differs
        little from the count by itself, so the search starts at the estimate's choice.
        """
        while oldest < len(self._turns) and self._measure.scaled(self._plain_tokens(oldest)) > room:
            oldest = self.next_smaller(oldest)
        while (larger := self._next_larger(oldest)) is not None:
            if self._measure.scaled(self._plain_tokens(larger)) > room:
                break
            oldest = larger
        return oldest

    def next_smaller(self, oldest: int) -> int:
        """Return the choice with one optional turn less."""
        following = oldest + 1
        while following < len(self._turns) and following in self._not_optional:
            following += 1
        return following

    def _next_larger(self, oldest: int) -> int | None:
        preceding = oldest - 1
        while preceding in self._not_optional:
            preceding -= 1
        return preceding if preceding >= 0 else None

    def match(self, anchor: Anchor) -> _Reported | None:
        """Return the one choice that begins with exactly the anchor's messages, if any does.

        The first optional turn among those messages is the oldest of the choice; before it stand
        fixed turns and summaries only.
        """
        summaries = {summary.id for summary in self._contents.summaries.values()}
        oldest = len(self._turns)
        for message_id in anchor.message_ids:
            index = self._turns.index_of(message_id)
            if index is None and message_id not in summaries:
                return None
            if index is not None and index not in self._not_optional:
                oldest = index
                break
        messages = self._chosen(oldest)
        counted = len(anchor.message_ids)
        if tuple(map(_ID, messages[:counted])) != anchor.message_ids:
            return None
        new = messages[counted:]
        tokens = anchor.prompt_tokens
        if new and new[0].id == anchor.answer_id and anchor.answer_tokens:
            tokens += anchor.answer_tokens
            new = new[1:]
        tokens += self._measure.scaled(sum(self._measure.message(message) for message in new))
        return _Reported(oldest, tokens, len(messages) - counted)

    def plan(self, oldest: int, limits: Limits, reported: _Reported | None) -> Plan:
        """Return the plan of a choice, with the server's count of it if there is one."""
        system = self._contents.system
        plain = self._plain_tokens(oldest)
        never_omitted = sum(index < oldest for index in self._not_optional)
        return Plan(
            contents=self._contents,
            oldest=oldest,
            sent=[
                *(() if system is None else (system,)),
                *self._contents.opening,
                *self._chosen(oldest),
            ],
            tokens=reported.tokens if reported else self._measure.scaled(plain),
            limits=limits,
            omitted_turns=oldest - never_omitted,
            plain_tokens=plain,
            system_tokens=self._system_tokens(oldest),
            is_reported=reported is not None,
            new_messages=reported.new_messages if reported else 0,
        )

    def _chosen(self, oldest: int) -> list[Message]:
        if self._messages[0] != oldest:
            self._messages = oldest, self._contents.chosen(oldest)
        return self._messages[1]

    def _plain_tokens(self, oldest: int) -> int:
        """Count a choice without any correction."""
        return self._system_tokens(oldest) + self._other_tokens(oldest)

    def _system_tokens(self, oldest: int) -> int:
        """Count the system text as it is sent with a choice."""
        measure = self._measure
        if measure.folded is None:
            return measure.system
        return measure.folded([*self._contents.opening, *self._chosen(oldest)])

    def _other_tokens(self, oldest: int) -> int:
        """Count all of a choice but the system text."""
        if self._tokens[0] != oldest:
            measure, summaries = self._measure, self._contents.summaries.values()
            tokens = measure.priming
            tokens += sum(measure.message(example) for example in self._contents.opening)
            tokens += sum(measure.message(summary) for summary in summaries)
            tokens += sum(
                measure.turns(self._turns, *span) for span in self._contents.spans(oldest)
            )
            self._tokens = oldest, tokens
        return self._tokens[1]
