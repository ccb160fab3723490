"""A session in use: its state, and one turn at a time as a stream of events.

``ask``, ``retry`` and ``continue_answer`` yield events until the answer is over; ``stop`` ends it
early. Everything that is accepted is on disk before a request leaves.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from chatrepl.core.context.fitting import Plan
from chatrepl.core.conversation.attachments import Attachment
from chatrepl.core.conversation.outcomes import is_empty
from chatrepl.core.errors import ChatreplError, UsageError
from chatrepl.core.events import DraftReturned, Event, Level, MessageAccepted, Notice, Progress
from chatrepl.core.messages import Message, State
from chatrepl.core.ports.chat_model import Server
from chatrepl.core.servers.continuation import is_cut
from chatrepl.core.servers.target import Candidate, Target
from chatrepl.core.sessions.state import Ports, SessionState
from chatrepl.core.settings.layers import Settings
from chatrepl.core.text.surrogates import REPLACED, valid_text
from chatrepl.core.turn.event_queue import EventQueue, stream_events
from chatrepl.core.turn.preflight import Preflight
from chatrepl.core.turn.spending_limit import SpendingLimit
from chatrepl.core.turn.turn import Turn
from chatrepl.core.turn.turn_request import TurnRequest

if TYPE_CHECKING:
    from chatrepl.core.turn.answer_run import AnswerRun


COMPARISON_TOPIC = "compare"
"""Of the notice that stays while the next message goes to several models."""

T = TypeVar("T")


def comparison_notice(models: Sequence[str]) -> Notice:
    """Return the notice that the next message goes to several models."""
    return Notice(
        f"the next message goes to {', '.join(models[:-1])} and {models[-1]}",
        hint="/retry sends them the last one, /compare off takes it back",
        stays=True,
        topic=COMPARISON_TOPIC,
    )


class Session(SessionState):
    """The session that a front end talks through.

    One turn runs at a time, commands may run beside it.
    """

    def __init__(
        self, ports: Ports, settings: Settings, *, server: Server | None, uses_local: bool = False
    ) -> None:
        super().__init__(ports, settings, server, uses_local=uses_local)
        self.spending = SpendingLimit(ports.catalog, ports.clock, ports.person)
        self.preflight = Preflight(self, self.spending)
        self.comparing: Sequence[str] = ()
        """The models that the next message goes to, in the place of the one in force."""
        self._run: AnswerRun | None = None
        """The answers that are awaited or stream."""
        self._preparation: asyncio.Task[Any] | None = None
        """The work before a request, which ``stop`` may end."""
        self._is_stopped = False

    @property
    def is_answering(self) -> bool:
        """True if an answer is awaited or streams."""
        return self._run is not None

    def stop(self) -> bool:
        """Stop the answer; what came is kept. False: none is on its way."""
        if self._preparation is not None and not self._preparation.done():
            self._is_stopped = True
            return self._preparation.cancel()
        return self._run is not None and self._run.stop()

    # Turns.

    def ask(self, text: str, attachments: Sequence[Attachment] = ()) -> AsyncIterator[Event]:
        """Send a message: save it, send what fits, and yield the answer as it comes.

        What is pending goes with it, and ``attachments`` too.
        """

        async def work(events: EventQueue) -> None:
            request = await self.accept(events, text, attachments)
            if request is not None:
                await self.answer(events, request)

        return stream_events(work)

    def retry(self, model: str | None = None) -> AsyncIterator[Event]:
        """Ask the newest user message again; the new answer is a sibling of the old one."""

        async def work(events: EventQueue) -> None:
            await self.answer(events, await self._retried(model))

        return stream_events(work)

    def continue_answer(self) -> AsyncIterator[Event]:
        """Go on with the newest answer, which was cut; both joined are a sibling of it."""

        async def work(events: EventQueue) -> None:
            request = await self._continued(events)
            self.keep_server()
            await self.save_settings()
            await self.answer(events, request)

        return stream_events(work)

    async def accept(
        self, events: EventQueue, text: str, attachments: Sequence[Attachment] = ()
    ) -> TurnRequest | None:
        """Check a message and save it; return the request of its turn.

        None: no model can be sent it, and its text went back.
        """
        content = valid_text(text)
        if content != text:
            events.put(Notice(REPLACED, Level.WARNING))
        question = self.new_question(content, (*self.pending, *attachments))
        try:
            await self._stoppable(self._check(question))
        except ChatreplError as error:
            events.put(Notice.of(error))
            events.put(DraftReturned(text))
            return None
        self.pending = ()
        self.detach_returned()
        fallback_head = self.conversation.head
        self.conversation.add(question)
        self.undone.clear()
        if not self.comparing:
            self.keep_server()
        await self.autosave.save(self.move_head(question.id), [question])
        events.put(MessageAccepted(question))
        return TurnRequest(question, fallback_head, self.comparing)

    def new_question(self, content: str, attachments: Sequence[Attachment]) -> Message:
        """Make a message that goes on from the head; it is not in the conversation yet."""
        return Message(
            self.ports.new_id(),
            self.conversation.head,
            "user",
            content,
            self.ports.clock.now(),
            attachments=tuple(attachments),
        )

    async def _check(self, question: Message) -> None:
        """Refuse a message that no model can be sent."""
        refused: list[ChatreplError] = []
        for candidate in await self.candidates(self.comparing):
            try:
                if candidate.error is not None:
                    raise candidate.error
                target = candidate.target
                await self.planner.prepare(candidate.settings, target.model)
                await self.planner.counts.ahead(question, target.model, target.reminder)
                return await self.preflight.check(candidate, question)
            except ChatreplError as error:
                refused.append(error)
        raise refused[0]

    async def _retried(self, model: str | None) -> TurnRequest:
        """Move the head to the newest user message, or to the one that failed after it."""
        failed = self._failed
        self.detach_returned()
        fallback_head = self.conversation.head
        is_first = failed is not None and failed.parent == fallback_head
        if failed is not None and is_first:
            question = self.conversation.set_state(failed.id, State.COMPLETE)
        else:
            last = self.conversation.last_question()
            if last is None:
                raise UsageError("there is no message to answer again", "type one")
            question = last
        models = (model,) if model else self.comparing
        if not models:
            self.keep_server()
        await self._move_to(question)
        return TurnRequest(question, fallback_head, models, is_first=is_first)

    async def _move_to(self, question: Message) -> None:
        """Move the head to a question that is to be answered again."""
        self.undone.clear()
        self.conversation.head = question.id
        await self.autosave.set_state(self.move_head(question.id), question)

    async def _continued(self, events: EventQueue) -> TurnRequest:
        answer, question = self.conversation.last_answer(), self.conversation.last_question()
        if answer is None or question is None or answer.id != self.conversation.head:
            raise UsageError("there is no answer to go on with")
        if not is_cut(answer):
            raise UsageError("the last answer is whole", "/retry asks for another")
        if answer.id in self.conversation.marks.dropped:
            number = len(self.conversation.path)
            raise UsageError("the last answer is dropped: it is not sent", f"/undrop {number}")
        if is_empty(answer):
            # No server goes on with an empty message, nor with reasoning.
            events.put(Notice("the last answer has no text to continue: asking again"))
            await self._move_to(question)
            return TurnRequest(question, answer.id, is_first=False)
        return TurnRequest(question, answer.id, continued=answer)

    async def answer(self, events: EventQueue, request: TurnRequest) -> None:
        """Run a turn to its end. A request that cannot be made gives the message back."""
        events.extend(self.take_notices())
        turn = Turn(self, self.preflight, request)
        try:
            await self._stoppable(turn.prepare(events))
        except ChatreplError as error:
            await self._give_back(events, request, error)
            return
        events.extend(turn.notices())
        self._failed = None
        if request.is_comparison:
            self.comparing = ()
            events.put(Notice("", stays=True, topic=COMPARISON_TOPIC))
        self._run = turn.answer_run(events)
        try:
            await self._run.run()
        finally:
            self._run = None
            await self.save_counts()
            await self.planner.save_facts()
        if request.is_comparison and self.conversation.head == request.fallback_head:
            # Nothing came: the message, which goes back, is still to be compared.
            self.comparing = request.models
            events.put(comparison_notice(request.models))

    async def _give_back(
        self, events: EventQueue, request: TurnRequest, error: ChatreplError
    ) -> None:
        """Move the head back, and return the text: the request never left."""
        events.put(Notice.of(error))
        question = request.question
        if request.fallback_head != question.parent:
            await self.save_head(request.fallback_head)
            return
        failed = replace(question, state=State.FAILED)
        self.settle(failed)
        await self.autosave.set_state(self.move_head(request.fallback_head), failed)
        events.put(DraftReturned(question.content))

    def stoppable(
        self, work: Callable[[EventQueue], Coroutine[Any, Any, None]]
    ) -> AsyncIterator[Event]:
        """Yield the events of some work; ``stop`` ends it with a ``ChatreplError``."""
        return stream_events(lambda events: self._stoppable(work(events), "stopped"))

    async def _stoppable(
        self, work: Coroutine[Any, Any, T], reason: str = "stopped before it was sent"
    ) -> T:
        """Wait for what comes before a request; ``stop`` ends it with a ``ChatreplError``."""
        task: asyncio.Task[T] = asyncio.create_task(work)
        self._preparation = task
        try:
            return await task
        except asyncio.CancelledError:
            if not self._is_stopped:
                task.cancel()
                raise
            raise ChatreplError(reason) from None
        finally:
            self._preparation = None
            self._is_stopped = False

    # Ahead of turns.

    async def plan(self) -> tuple[Target, Plan]:
        """Plan what goes with the next message."""
        target = await self.target()
        return target, self.preflight.plan_next(Candidate(target, self.settings))

    async def plan_ahead(self) -> tuple[Target, Plan]:
        """Plan what goes with the next message, with the server's own count, and write it.

        The request then adds only what is new, however long the conversation is.
        """
        target, plan = await self.plan()
        plan = await self.preflight.confirmed(target, plan, is_idle=True)
        await self.planner.writer.ahead(plan.sent, target.reminder)
        return target, plan

    async def warm_up(self) -> AsyncIterator[Progress]:
        """Load in advance what the first message would wait for."""
        await self.model_directory.recall()
        await self.ports.model.warm_up()
        async for progress in self.servers.prepare_local():
            yield progress
