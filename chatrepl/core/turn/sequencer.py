"""Serialise concurrent answers for front ends that show one at a time."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from chatrepl.core.events import (
    Among,
    AnswerEnded,
    AnswerStarted,
    Delta,
    Event,
    ToolCalled,
    join_deltas,
)

AnswerEvent = AnswerStarted | Delta | ToolCalled | AnswerEnded


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """The progress of an answer that is not shown yet."""

    number: int
    """As ``/pick`` counts, from 1."""
    words: int
    is_done: bool


@dataclass(slots=True)
class _Held:
    """The events of one answer, held back, with its progress."""

    events: list[AnswerEvent] = field(default_factory=list)
    number: int = 0
    words: int = 0
    is_done: bool = False
    _ends_word: bool = True

    def record(self, event: AnswerEvent) -> None:
        """Update the progress."""
        if isinstance(event, Delta) and event.text:
            goes_on = not self._ends_word and not event.text[0].isspace()
            self.words += len(event.text.split()) - goes_on
            self._ends_word = event.text[-1].isspace()
        elif isinstance(event, AnswerEnded):
            self.is_done = True
        elif isinstance(event, AnswerStarted) and event.among is not None:
            self.number = event.among.number


class AnswerSequencer:
    """Passes the first answer of a turn that is not over as it arrives, and holds the others.

    Where a request is sent again, ``AnswerStarted`` comes again with ``among`` left out: the
    heading above an answer is shown once. All other events, and an only answer, pass unchanged.
    ``begin_side_by_side`` is called once, at the first of several compared answers; True: the front
    end shows them side by side, so they pass as they arrive, too.
    """

    def __init__(self, begin_side_by_side: Callable[[Among], bool] = lambda _: False) -> None:
        self._begin_side_by_side = begin_side_by_side
        self._is_side_by_side: bool | None = None
        self._held: dict[int, _Held] = {}
        self._current = 0
        self._started: set[int] = set()

    def put(self, event: Event) -> Iterator[Event]:
        """Take an event; yield those that are to be shown now."""
        if not isinstance(event, AnswerEvent):
            yield event
            return
        held = self._held.setdefault(event.index, _Held())
        held.record(event)
        if self._is_side_by_side is None and isinstance(event, AnswerStarted):
            among = event.among
            self._is_side_by_side = (
                among is not None and among.is_compared and self._begin_side_by_side(among)
            )
        if self._is_side_by_side:
            yield self._with_one_heading(event)
            return
        if event.index != self._current:
            held.events.append(event)
            return
        yield self._with_one_heading(event)
        while (current := self._held.get(self._current)) is not None and current.is_done:
            self._current += 1
            following = self._held.get(self._current, _Held())
            for waiting in join_deltas(following.events):
                yield self._with_one_heading(waiting)
            following.events.clear()

    @property
    def coming(self) -> Sequence[HeldAnswer]:
        """The progress of the held answers; of answers side by side, until all are over, of all."""
        first = 0 if self._is_side_by_side else self._current + 1
        coming = [
            HeldAnswer(held.number, held.words, held.is_done)
            for index, held in sorted(self._held.items())
            if index >= first
        ]
        is_over = self._is_side_by_side and all(answer.is_done for answer in coming)
        return () if is_over else coming

    def _with_one_heading(self, event: AnswerEvent) -> AnswerEvent:
        if isinstance(event, AnswerStarted):
            if event.index in self._started:
                return replace(event, among=None)
            self._started.add(event.index)
        return event


async def sequenced(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """Yield the events of one turn so that one answer follows the other."""
    sequencer = AnswerSequencer()
    async for event in events:
        for shown in sequencer.put(event):
            yield shown
