"""The messages of a conversation as ``/context`` lists them: all of them, with what each counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from chatrepl.core.budget import Measure, Plan
from chatrepl.core.messages import Message

__all__ = ["Place", "Row", "rows_of"]


class Place(Enum):
    """Where a message stands in what would be sent."""

    SYSTEM = "system"
    PINNED = "pinned"
    SUMMARY = "summary"
    HISTORY = "history"
    NEWEST = "newest"
    OUT = "out"
    """It no longer fits."""
    DROPPED = "dropped"
    SUMMARISED = "summarised"
    """A summary stands for it."""

    @property
    def is_in(self) -> bool:
        """Say whether it would be sent."""
        return self not in (Place.OUT, Place.DROPPED, Place.SUMMARISED)


@dataclass(frozen=True, slots=True)
class Row:
    """One message, its tokens as corrected, and where it stands."""

    number: int
    """Its position on the path, from 1; 0: the system text, or a summary."""
    message: Message
    tokens: int
    place: Place
    is_pinned: bool = False
    is_dropped: bool = False


def rows_of(plan: Plan, measure: Measure) -> Iterator[Row]:
    """Yield a row for every message in order, the system text first.

    Turns are rounded as the plan rounds them: the rows that go, with the priming, are its sum.
    """
    contents = plan.contents
    if contents.system is not None:
        yield Row(0, contents.system, measure.scaled(measure.system), Place.SYSTEM)
    sent = frozenset(plan.indexes)
    for index in range(len(contents.turns)):
        if index in contents.summaries:
            yield _summary(contents.summaries[index], measure)
        place = _place(plan, index, is_in=index in sent)
        plain = before = 0
        start = contents.turns.start_of(index)
        for offset, message in enumerate(contents.turns[index].messages, 1):
            plain += measure.message(message)
            after = measure.scaled(plain)
            yield Row(
                start + offset,
                message,
                after - before,
                place,
                is_pinned=index in contents.pinned,
                is_dropped=index in contents.dropped,
            )
            before = after
    for index in sorted(contents.summaries):
        if index >= len(contents.turns):
            yield _summary(contents.summaries[index], measure)


def _summary(message: Message, measure: Measure) -> Row:
    return Row(0, message, measure.scaled(measure.message(message)), Place.SUMMARY)


def _place(plan: Plan, index: int, *, is_in: bool) -> Place:
    contents = plan.contents
    if index in contents.summarised:
        return Place.SUMMARISED
    if index in contents.dropped:
        return Place.DROPPED
    if not is_in:
        return Place.OUT
    if index == len(contents.turns) - 1:
        return Place.NEWEST
    return Place.PINNED if index in contents.pinned else Place.HISTORY
