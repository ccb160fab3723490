"""The report of ``/context``: all messages of a conversation with their token counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from chatrepl.core.context.fitting import Measure, Plan
from chatrepl.core.context.limits import Limits
from chatrepl.core.context.planner import Planner
from chatrepl.core.messages import Message
from chatrepl.core.servers.target import Target


class Place(Enum):
    """The part that a message has in the next request, or the reason why it has none."""

    SYSTEM = "system"
    EXAMPLE = "example"
    PINNED = "pinned"
    SUMMARY = "summary"
    HISTORY = "history"
    NEWEST = "newest"
    OUT = "out"
    """Omitted, as it does not fit."""
    DROPPED = "dropped"
    SUMMARISED = "summarised"
    """Replaced by a summary."""

    @property
    def is_in(self) -> bool:
        """True if the message would be sent."""
        return self not in (Place.OUT, Place.DROPPED, Place.SUMMARISED)


@dataclass(frozen=True, slots=True)
class Row:
    """One message with its corrected token count."""

    number: int
    """The position on the path, from 1; 0 for the system text, an example, or a summary."""
    message: Message
    tokens: int
    place: Place
    is_pinned: bool = False
    is_dropped: bool = False


def rows_of(plan: Plan, measure: Measure) -> Iterator[Row]:
    """Yield a row for every message in order, the system text first.

    The rows that are sent and the reply's priming add up to the plan's estimate: each row's count
    is the difference of two corrected running sums, which spreads the rounding over the rows.
    """
    contents = plan.contents
    plain = measure.priming

    def share(message_tokens: int) -> int:
        nonlocal plain
        before = measure.scaled(plain)
        plain += message_tokens
        return measure.scaled(plain) - before

    if contents.system is not None:
        yield Row(0, contents.system, share(plan.system_tokens), Place.SYSTEM)
    for example in contents.opening:
        yield Row(0, example, share(measure.message(example)), Place.EXAMPLE)
    for index in range(len(contents.turns) + 1):
        if (summary := contents.summaries.get(index)) is not None:
            yield Row(0, summary, share(measure.message(summary)), Place.SUMMARY)
        if index == len(contents.turns):
            return
        place = _place(plan, index)
        for number, message in enumerate(
            contents.turns[index].messages, contents.turns.start_of(index) + 1
        ):
            tokens = measure.message(message)
            yield Row(
                number,
                message,
                share(tokens) if place.is_in else measure.scaled(tokens),
                place,
                is_pinned=index in contents.pinned,
                is_dropped=index in contents.dropped,
            )


def _place(plan: Plan, index: int) -> Place:
    contents = plan.contents
    if index in contents.summarised:
        return Place.SUMMARISED
    if index in contents.dropped:
        return Place.DROPPED
    if not contents.sends(index, plan.oldest):
        return Place.OUT
    if index == len(contents.turns) - 1:
        return Place.NEWEST
    return Place.PINNED if index in contents.pinned else Place.HISTORY


def format_tokens(planner: Planner, target: Target, plan: Plan) -> str:
    """Format a request's tokens and room, marked as estimated (``≈``), reported, or exact."""
    mark = planner.mark(target, plan)
    # Messages newer than a server's count may be estimated: then the sum is an estimate, too.
    kind = "" if mark else " (reported)" if plan.is_reported else " (exact)"
    return f"{mark}{plan.tokens:,} of {format_room(plan.limits)} tokens{kind}"


def format_room(limits: Limits) -> str:
    """Format the tokens that messages may use."""
    return f"{'≈' if limits.is_guessed else ''}{max(limits.room, 0):,}"


def format_limits(limits: Limits) -> str:
    """Format the limits that the room follows from."""
    budget = f"{'≈' if limits.is_guessed else ''}{limits.budget:,}"
    window = f"{'' if limits.window_is_known else '≈'}{limits.window:,}"
    return f"budget {budget} · reserve for the answer {limits.reserve:,} · window {window}"
