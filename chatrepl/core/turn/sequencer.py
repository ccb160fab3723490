"""Several answers that come at the same time, put one after the other for who can show but one."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from chatrepl.core.events import (
    Among,
    AnswerEnded,
    AnswerStarted,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCalled,
)

__all__ = ["AnswerSequencer", "HeldAnswer", "sequenced"]

OfAnswer = AnswerStarted | TextDelta | ReasoningDelta | RefusalDelta | ToolCalled | AnswerEnded
_Delta = TextDelta | ReasoningDelta | RefusalDelta


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """How far an answer is that is not shown yet."""

    number: int
    words: int
    is_done: bool


@dataclass(slots=True)
class _Held:
    """What came of one answer: deltas of a kind that follow each other are joined when it goes."""

    events: list[OfAnswer] = field(default_factory=list)
    number: int = 0
    words: int = 0
    is_done: bool = False
    _ends_word: bool = True

    def note(self, event: OfAnswer) -> None:
        """Count words, and see the end."""
        if isinstance(event, _Delta) and event.text:
            goes_on = not self._ends_word and not event.text[0].isspace()
            self.words += len(event.text.split()) - goes_on
            self._ends_word = event.text[-1].isspace()
        elif isinstance(event, AnswerEnded):
            self.is_done = True
        elif isinstance(event, AnswerStarted) and event.among is not None:
            self.number = event.among.number

    def joined(self) -> Iterator[OfAnswer]:
        """Yield what was held, each run of deltas as one."""
        run: list[_Delta] = []
        for event in self.events:
            if run and type(event) is not type(run[0]):
                yield replace(run[0], text="".join(delta.text for delta in run))
                run = []
            if isinstance(event, _Delta):
                run.append(event)
            else:
                yield event
        if run:
            yield replace(run[0], text="".join(delta.text for delta in run))


class AnswerSequencer:
    """The answers of one turn: the first that is not over passes as it comes, others are held.

    Where a request is sent again, ``AnswerStarted`` comes again with ``among`` left out: what
    stands above an answer is shown once. All other events, and an only answer, pass as they are.
    ``begin_beside`` begins to show compared answers beside each other, and says whether that is
    possible: then they pass as they come, too. It is asked once.
    """

    def __init__(self, begin_beside: Callable[[Among], bool] = lambda _: False) -> None:
        self._begin_beside = begin_beside
        self._is_beside: bool | None = None
        self._held: dict[int, _Held] = {}
        self._current = 0
        self._started: set[int] = set()

    def put(self, event: Event) -> Iterator[Event]:
        """Take an event; yield what is to be shown now."""
        if not isinstance(event, OfAnswer):
            yield event
            return
        held = self._held.setdefault(event.index, _Held())
        held.note(event)
        if self._is_beside is None and isinstance(event, AnswerStarted):
            among = event.among
            self._is_beside = among is not None and among.is_compared and self._begin_beside(among)
        if self._is_beside:
            yield self._headed_once(event)
            return
        if event.index != self._current:
            held.events.append(event)
            return
        yield self._headed_once(event)
        while (current := self._held.get(self._current)) is not None and current.is_done:
            self._current += 1
            following = self._held.get(self._current, _Held())
            for waiting in following.joined():
                yield self._headed_once(waiting)
            following.events.clear()

    @property
    def coming(self) -> Sequence[HeldAnswer]:
        """How far the answers are that are held; of answers beside each other, how far all are."""
        first = 0 if self._is_beside else self._current + 1
        coming = [
            HeldAnswer(held.number, held.words, held.is_done)
            for index, held in sorted(self._held.items())
            if index >= first
        ]
        is_over = self._is_beside and all(one.is_done for one in coming)
        return () if is_over else coming

    def _headed_once(self, event: OfAnswer) -> OfAnswer:
        if isinstance(event, AnswerStarted):
            if event.index in self._started:
                return replace(event, among=None)
            self._started.add(event.index)
        return event


async def sequenced(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """Yield the events of one turn so that one answer follows the other."""
    turn = AnswerSequencer()
    async for event in events:
        for shown in turn.put(event):
            yield shown
