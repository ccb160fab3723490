"""A session in use: settings, the conversation, and one turn at a time as a stream of events.

``ask`` and ``retry`` yield events until the answer is over; ``stop`` ends it early.
Everything that is accepted is on disk before a request leaves.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from chatrepl.core.context.fitting import Plan
from chatrepl.core.conversation.attachments import Attachment
from chatrepl.core.errors import ChatreplError, UsageError
from chatrepl.core.events import (
    DraftReturned,
    Event,
    MessageAccepted,
    Notice,
    Progress,
)
from chatrepl.core.messages import Message, State
from chatrepl.core.ports.chat_model import Server
from chatrepl.core.servers.continuation import is_cut
from chatrepl.core.servers.target import Candidate, Target
from chatrepl.core.sessions.state import Ports, SessionState
from chatrepl.core.settings.layers import Settings
from chatrepl.core.text.surrogates import valid_text
from chatrepl.core.turn.event_queue import EventQueue
from chatrepl.core.turn.preflight import Preflight
from chatrepl.core.turn.spending_limit import SpendingLimit
from chatrepl.core.turn.turn import Turn, TurnRequest

if TYPE_CHECKING:
    from chatrepl.core.turn.answer_run import AnswerRun

__all__ = ["COMPARING_TOPIC", "Ports", "Session", "compared_next"]

COMPARING_TOPIC = "compare"
"""Of the notice that stays while the next message goes to several models."""

T = TypeVar("T")


def compared_next(models: Sequence[str]) -> Notice:
    """Tell, for as long as it holds, that the next message goes to several models."""
    return Notice(
        f"the next message goes to {', '.join(models[:-1])} and {models[-1]}",
        hint="/retry sends them the last one, /compare off takes it back",
        stays=True,
        topic=COMPARING_TOPIC,
    )


class Session(SessionState):
    """What the user talks through. One turn at a time; commands may run beside it."""

    def __init__(
        self, ports: Ports, settings: Settings, *, server: Server | None, uses_local: bool = False
    ) -> None:
        super().__init__(ports, settings, server, uses_local=uses_local)
        self.spending = SpendingLimit(ports.catalog, ports.clock, ports.person)
        self.preflight = Preflight(self, self.spending)
        self._run: AnswerRun | None = None
        self._preparing: asyncio.Task[Any] | None = None
        self._is_stopped = False
        self.comparing: Sequence[str] = ()
        """The models that the next message goes to, in the place of the one in force."""

    # Turns.

    @property
    def is_answering(self) -> bool:
        """Say whether an answer is awaited or streams."""
        return self._run is not None

    def stop(self) -> bool:
        """Stop the answer; what came is kept. False: none is on its way."""
        if self._preparing is not None and not self._preparing.done():
            self._is_stopped = True
            return self._preparing.cancel()
        return self._run is not None and self._run.stop()

    async def ask(self, text: str, attachments: Sequence[Attachment] = ()) -> AsyncIterator[Event]:
        """Say something: keep it, send what fits, and yield the answer as it comes.

        What is pending goes with it, and ``attachments`` too.
        """
        content, notice = valid_text(text)
        if notice:
            yield notice
        question = self.new_question(content, (*self.pending, *attachments))
        try:
            await self._stoppable(self._check(question))
        except ChatreplError as error:
            yield Notice.of(error)
            yield DraftReturned(text)
            return
        self.pending = ()
        self.let_go()
        fallback = self.conversation.head
        self.conversation.add(question)
        self.undone.clear()
        record = self.move_head(question.id)
        await self.keeper.save(record, [question])
        yield MessageAccepted(question)
        for told in self.take_notices():
            yield told
        async for event in self._answer(TurnRequest(question, fallback, self.comparing)):
            yield event

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

    async def retry(self, model: str | None = None) -> AsyncIterator[Event]:
        """Ask the newest user message again; the new answer is a sibling of the old one."""
        failed = self._failed
        self.let_go()
        is_first = False
        if failed is not None and failed.parent == self.conversation.head:
            question = self.conversation.set_state(failed.id, State.COMPLETE)
            fallback = self.conversation.head
            is_first = True
        else:
            last = self.conversation.last_question()
            if last is None:
                raise UsageError("there is no message to answer again", "type one")
            question, fallback = last, self.conversation.head
        self.undone.clear()
        self.conversation.head = question.id
        await self.keeper.set_state(self.move_head(question.id), question)
        models = (model,) if model else self.comparing
        async for event in self._answer(TurnRequest(question, fallback, models, is_first=is_first)):
            yield event

    async def continue_answer(self) -> AsyncIterator[Event]:
        """Go on with the newest answer, which was cut; both joined are a sibling of it."""
        answer, question = self.conversation.last_answer(), self.conversation.last_question()
        if answer is None or question is None or answer.id != self.conversation.head:
            raise UsageError("there is no answer to go on with")
        if not is_cut(answer):
            raise UsageError("the last answer is whole", "/retry asks for another")
        if answer.id in self.conversation.marks.dropped:
            number = len(self.conversation.path)
            raise UsageError("the last answer is dropped: it is not sent", f"/undrop {number}")
        async for event in self._answer(TurnRequest(question, answer.id, continued=answer)):
            yield event

    async def plan(self, question: Message | None = None) -> tuple[Target, Plan]:
        """Work out what would be sent now, or with a further question."""
        target = await self.target()
        asked = Candidate(target, self.settings)
        return target, self.preflight.plan_next(asked, question)

    async def plan_ahead(self) -> tuple[Target, Plan]:
        """Work out what goes with the next message, by what servers know better, and write it.

        Its request then needs no more than what is new, however long the conversation is.
        """
        target, plan = await self.plan()
        plan = await self.preflight.confirmed(target, plan, is_idle=True)
        await self.planner.write_ahead(target, plan)
        return target, plan

    async def _check(self, question: Message) -> None:
        """Refuse a message that no model can be sent."""
        refused: list[ChatreplError] = []
        for asked in await self.candidates(self.comparing):
            try:
                if asked.error is not None:
                    raise asked.error
                await self.planner.prepare(asked.settings, asked.target.model)
                await self.planner.count_ahead(asked.target, question)
                return await self.preflight.check(asked, question)
            except ChatreplError as error:
                refused.append(error)
        raise refused[0]

    async def stoppable(self, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
        """Yield what some work tells; ``stop`` ends the work with a ``ChatreplError``."""
        mailbox = EventQueue()

        async def pump() -> None:
            try:
                async for event in events:
                    mailbox.put(event)
            finally:
                mailbox.close()

        work = asyncio.ensure_future(self._stoppable(pump(), "stopped"))
        try:
            async for event in mailbox:
                yield event
            await work
        finally:
            work.cancel()

    async def _answer(self, about: TurnRequest) -> AsyncIterator[Event]:
        turn = Turn(self, self.preflight, about)
        mailbox = EventQueue()
        ready = asyncio.ensure_future(self._stoppable(turn.prepare(mailbox)))
        try:
            async for event in mailbox:
                yield event
            await ready
        except ChatreplError as error:
            async for event in self._give_back(about, error):
                yield event
            return
        finally:
            ready.cancel()
        for notice in turn.notices():
            yield notice
        self._failed = None
        if len(about.models) > 1:
            self.comparing = ()
            yield Notice("", stays=True, topic=COMPARING_TOPIC)
        self._run = run = turn.run()
        try:
            async for event in run.events():
                yield event
        finally:
            self._run = None
            await self.keeper.set_counts(self.planner.take_fresh())
            await self.planner.keep()
        if len(about.models) > 1 and self.conversation.head == about.fallback:
            # Nothing came: the message, which goes back, is still to be compared.
            self.comparing = about.models
            yield compared_next(about.models)

    async def _stoppable(
        self, work: Coroutine[Any, Any, T], said: str = "stopped before it was sent"
    ) -> T:
        """Wait for what comes before a request; ``stop`` ends it with a ``ChatreplError``."""
        task: asyncio.Task[T] = asyncio.create_task(work)
        self._preparing = task
        try:
            return await task
        except asyncio.CancelledError:
            if not self._is_stopped:
                task.cancel()
                raise
            raise ChatreplError(said) from None
        finally:
            self._preparing = None
            self._is_stopped = False

    async def _give_back(self, about: TurnRequest, error: ChatreplError) -> AsyncIterator[Event]:
        """The request never left: the head goes back, the text to the input line."""
        yield Notice.of(error)
        question = about.question
        if about.fallback != question.parent:
            await self.save_head(about.fallback)
            return
        failed = replace(question, state=State.FAILED)
        self.settle(failed)
        await self.keeper.set_state(self.move_head(about.fallback), failed)
        yield DraftReturned(question.content)

    async def warm_up(self) -> AsyncIterator[Progress]:
        """Pay ahead for what the first message would wait for."""
        await self.model_directory.recall()
        await self.ports.model.warm_up()
        async for progress in self.servers.prepare_local():
            yield progress
