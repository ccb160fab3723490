"""The token budget: what a message counts, what one request may use, and which turns go.

Counting is the chat format's (openai-cookbook, "How to count tokens with tiktoken"): tokens per
message, per name, and the reply's priming. Pure arithmetic; whoever counts a text is passed in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from chatrepl.core.context.limits import Limits
from chatrepl.core.conversation.tree import Turns
from chatrepl.core.errors import MessageTooLarge
from chatrepl.core.messages import Message

__all__ = ["BLOCK_TURNS", "Anchor", "Contents", "Measure", "Plan", "fit", "too_large"]

BLOCK_TURNS = 64
"""Turns that are looked at together: their counts are kept as one."""
_ID = attrgetter("id")


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
    turns: Callable[[Turns, int, int], int]
    """The same for all messages of the turns from an index until before another."""
    system: int = 0
    """The system text; 0: there is none."""
    priming: int = 0
    ratio: float = 1.0
    """What the server counts over what is counted here."""
    folded: Callable[[Sequence[Message]], int] | None = None
    """The system text where it goes inside the first user message: it depends on what is sent."""

    def scaled(self, tokens: int) -> int:
        """Correct a count by what is known of the server's own."""
        return tokens if self.ratio == 1.0 else round(tokens * self.ratio)


@dataclass(frozen=True, slots=True)
class Contents:
    """What there is to choose from. Turns are named by their index.

    A choice is named by its oldest turn: all from there on go that are not left out, and of the
    older ones those that always go.
    """

    system: Message | None
    turns: Turns
    pinned: frozenset[int] = frozenset()
    dropped: frozenset[int] = frozenset()
    summarised: frozenset[int] = frozenset()
    """Turns that a summary stands for."""
    summaries: Mapping[int, Message] = field(default_factory=dict)
    """Each always goes, just before the turn of its index."""
    opening: Sequence[Message] = ()
    """Example messages, which always go, right after the system text."""
    newest_goes: bool = True
    """The newest turn always goes; False: a message that is not here yet will be the newest."""

    left_out: frozenset[int] = field(init=False)
    """Turns that never go."""
    fixed: frozenset[int] = field(init=False)
    """Turns that always go: the pinned ones, and mostly the newest."""

    def __post_init__(self) -> None:
        left_out = self.dropped | self.summarised
        newest = {len(self.turns) - 1} if self.newest_goes and len(self.turns) else set()
        object.__setattr__(self, "left_out", left_out)
        object.__setattr__(self, "fixed", (self.pinned | newest) - left_out)

    def has(self, index: int, oldest: int) -> bool:
        """Say whether a choice has a turn."""
        return index not in self.left_out and (index >= oldest or index in self.fixed)

    def runs(self, oldest: int) -> Iterator[tuple[int, int]]:
        """Yield the turns of a choice as spans, each from an index until before another."""
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
        """Return the messages of a choice with the summaries, without the system text."""
        messages: list[Message] = []
        waiting = sorted(self.summaries)
        for first, after in self.runs(oldest):
            start = first
            while waiting and waiting[0] < after:
                at = waiting.pop(0)
                if at > start:
                    messages += self.turns.messages(start, at)
                    start = at
                messages.append(self.summaries[at])
            messages += self.turns.messages(start, after)
        return [*messages, *(self.summaries[index] for index in waiting)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be sent now, and what it counts."""

    contents: Contents
    oldest: int
    """The choice: see ``Contents``."""
    sent: Sequence[Message]
    """The messages that go, in order, the system text first."""
    tokens: int
    """The whole request, the reply's priming included."""
    limits: Limits
    omitted_turns: int = 0
    """Turns that went out because they no longer fit."""
    plain_tokens: int = 0
    """The whole request as it is counted here, without any correction."""
    system_tokens: int = 0
    """The system text's part of that."""
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
    oldest = chooser.oldest_that_fits(limits.room)
    if measure.folded is not None:
        oldest = chooser.nudged(oldest, limits.room)
    if anchor is not None and (reported := chooser.reported(anchor)) is not None:
        if reported.oldest < oldest and reported.tokens <= limits.room:
            # The server's own count leaves more room than the estimate does.
            oldest = reported.oldest
        elif reported.oldest == oldest < len(contents.turns) and reported.tokens > limits.room:
            oldest = chooser.without(oldest)
        if reported.oldest == oldest:
            return chooser.made(oldest, limits, reported)
    return chooser.made(oldest, limits, None)


def too_large(plan: Plan, mark: str) -> MessageTooLarge:
    """Tell, with the numbers, that what must go does not fit; ``mark`` is ≈ for estimates."""
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
    oldest: int
    tokens: int
    new_messages: int


class _Chooser:
    """Tries choices. ``oldest`` is always a turn that may go out, or the number of turns: none."""

    def __init__(self, contents: Contents, measure: Measure) -> None:
        self._contents = contents
        self._measure = measure
        self._turns = contents.turns
        self._fixed = contents.fixed
        self._special = contents.fixed | contents.left_out
        self._messages: tuple[int, list[Message]] = (-1, [])
        self._tokens: tuple[int, int] = (-1, 0)

    def oldest_that_fits(self, room: int) -> int:
        """Return the largest choice that fits by the estimate."""
        special = self._special
        blocks_of_special = {index // BLOCK_TURNS for index in special}
        oldest = after = len(self._turns)
        tokens = fitting = self._measure.system + self._others(oldest)
        while after:
            first = after - 1
            if not after % BLOCK_TURNS and first // BLOCK_TURNS not in blocks_of_special:
                block = self._measure.turns(self._turns, after - BLOCK_TURNS, after)
                if self._measure.scaled(tokens + block) <= room:
                    tokens = fitting = tokens + block
                    oldest = after = after - BLOCK_TURNS
                    continue
            if first not in special:
                tokens += self._measure.turns(self._turns, first, after)
                if self._measure.scaled(tokens) > room:
                    break
                oldest, fitting = first, tokens
            after = first
        self._tokens = oldest, fitting - self._measure.system
        return oldest

    def nudged(self, oldest: int, room: int) -> int:
        """Return the largest choice that fits when the system text is counted where it goes."""
        while oldest < len(self._turns) and self._measure.scaled(self._plain(oldest)) > room:
            oldest = self.without(oldest)
        while (larger := self._with_one_more(oldest)) is not None:
            if self._measure.scaled(self._plain(larger)) > room:
                break
            oldest = larger
        return oldest

    def without(self, oldest: int) -> int:
        """Return the choice that has one turn less."""
        following = oldest + 1
        while following < len(self._turns) and following in self._special:
            following += 1
        return following

    def _with_one_more(self, oldest: int) -> int | None:
        preceding = oldest - 1
        while preceding in self._special:
            preceding -= 1
        return preceding if preceding >= 0 else None

    def reported(self, anchor: Anchor) -> _Reported | None:
        """Return the one choice that begins with exactly what the server counted, if any does."""
        summaries = {summary.id for summary in self._contents.summaries.values()}
        oldest = len(self._turns)
        for message_id in anchor.message_ids:
            index = self._turns.index_of(message_id)
            if index is None and message_id not in summaries:
                return None
            if index is not None and index not in self._special:
                oldest = index
                break
        messages = self._chosen(oldest)
        begins = len(anchor.message_ids)
        if tuple(map(_ID, messages[:begins])) != anchor.message_ids:
            return None
        new = messages[begins:]
        tokens = anchor.prompt_tokens
        if new and new[0].id == anchor.answer_id and anchor.answer_tokens:
            tokens += anchor.answer_tokens
            new = new[1:]
        tokens += self._measure.scaled(sum(self._measure.message(message) for message in new))
        return _Reported(oldest, tokens, len(messages) - begins)

    def made(self, oldest: int, limits: Limits, reported: _Reported | None) -> Plan:
        """Make the plan of a choice."""
        system = self._contents.system
        system_tokens = self._system(oldest)
        plain = self._plain(oldest)
        messages = self._chosen(oldest)
        special_before = sum(index < oldest for index in self._special)
        return Plan(
            contents=self._contents,
            oldest=oldest,
            sent=[*(() if system is None else (system,)), *self._contents.opening, *messages],
            tokens=reported.tokens if reported else self._measure.scaled(plain),
            limits=limits,
            omitted_turns=oldest - special_before,
            plain_tokens=plain,
            system_tokens=system_tokens,
            is_reported=reported is not None,
            new_messages=reported.new_messages if reported else 0,
        )

    def _chosen(self, oldest: int) -> list[Message]:
        if self._messages[0] != oldest:
            self._messages = oldest, self._contents.chosen(oldest)
        return self._messages[1]

    def _system(self, oldest: int) -> int:
        """Count the system text as it goes with a choice."""
        measure = self._measure
        if measure.folded is None:
            return measure.system
        return measure.folded([*self._contents.opening, *self._chosen(oldest)])

    def _plain(self, oldest: int) -> int:
        """Count a choice, uncorrected."""
        return self._system(oldest) + self._others(oldest)

    def _others(self, oldest: int) -> int:
        """Count what goes beside the system text."""
        if self._tokens[0] != oldest:
            measure, summaries = self._measure, self._contents.summaries.values()
            tokens = measure.priming
            tokens += sum(measure.message(example) for example in self._contents.opening)
            tokens += sum(measure.message(summary) for summary in summaries)
            tokens += sum(measure.turns(self._turns, *run) for run in self._contents.runs(oldest))
            self._tokens = oldest, tokens
        return self._tokens[1]
