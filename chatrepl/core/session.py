"""A session in use: settings, the conversation, and one turn at a time as a stream of events.

``ask`` and ``retry`` yield events until the answer is over; ``stop`` ends it early.
Everything that is accepted is on disk before a request leaves.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from chatrepl.core.answer import AnswerRun, Exchange
from chatrepl.core.answerer import LOCAL_SYSTEM, Answerer
from chatrepl.core.budget import Plan
from chatrepl.core.conversation import Conversation
from chatrepl.core.errors import ChatreplError, UsageError
from chatrepl.core.events import (
    DraftReturned,
    Event,
    Level,
    MessageAccepted,
    Notice,
    Progress,
)
from chatrepl.core.keeper import Keeper
from chatrepl.core.mailbox import Mailbox
from chatrepl.core.messages import Message, SessionRecord, State
from chatrepl.core.planner import Planner, Target, check_fits
from chatrepl.core.ports import (
    Catalog,
    ChatModel,
    Clipboard,
    Clock,
    Files,
    LocalModel,
    ModelInfo,
    Person,
    Profiles,
    Server,
    Store,
    TokenCounter,
)
from chatrepl.core.settings import Settings
from chatrepl.core.titles import title_of
from chatrepl.core.validity import valid_text

__all__ = ["Ports", "Session"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world, passed in."""

    model: ChatModel
    store: Store
    counter: TokenCounter
    catalog: Catalog
    local: LocalModel
    clipboard: Clipboard
    files: Files
    person: Person
    clock: Clock
    html: Callable[[str], str]
    """Turns Markdown into safe HTML."""
    new_id: Callable[[], str]
    profiles: Profiles


class Session:
    """What the user talks through. One turn at a time; commands may run beside it."""

    def __init__(
        self, ports: Ports, settings: Settings, *, server: Server | None, uses_local: bool = False
    ) -> None:
        self.ports = ports
        self.settings = settings
        self.conversation = Conversation()
        self.record: SessionRecord | None = None
        self.name: str | None = None
        """The name that the session gets when it is first saved."""
        self.planner = Planner(ports.counter, ports.catalog)
        self.answerer = Answerer(ports.model, ports.local, self.planner, server)
        self.keeper = Keeper(ports.store)
        self.undone: list[str] = []
        """Heads that ``/redo`` goes back to."""
        self.disk_store: Store | None = None
        """Where ``/save`` begins to keep a run that stayed off the disk."""
        self.known_sessions: Sequence[tuple[str, str]] = ()
        """Names (or short ids) and titles of the newest sessions, for completion."""
        self._run: AnswerRun | None = None
        self._preparing: asyncio.Task[Any] | None = None
        self._is_stopped = False
        self._failed: Message | None = None
        self._told_estimate: set[str] = set()
        if uses_local:
            self.use_local()

    # Who answers.

    @property
    def uses_local(self) -> bool:
        """Say whether the built-in model answers."""
        return self.answerer.uses_local

    @property
    def server(self) -> Server | None:
        """The server in use; None while the built-in one is not up, or none is known."""
        return self.answerer.server

    def use_local(self) -> None:
        """Talk to the built-in model from now on."""
        self.settings = self.answerer.use_local(self.settings)

    def leave_local(self) -> None:
        """Talk to the server again that was chosen before the built-in model."""
        self.settings = self.answerer.leave_local(self.settings)

    def model_name(self) -> str | None:
        """Return the model in force without asking anybody; None: the server must be asked."""
        return self.answerer.model_name(self.settings)

    async def models(self) -> Sequence[ModelInfo]:
        """Ask the server what it offers. Raises ``ModelError``, ``UsageError`` without a server."""
        return await self.answerer.models()

    async def target(self) -> Target:
        """Find out who is asked. May ask the server for its models, once."""
        server = self.answerer.need()
        model = await self.answerer.need_model(self.settings)
        await self.planner.prepare(self.settings, model)
        return Target(server, model, self.system_message())

    def system_text(self) -> str | None:
        """Return the system text in force. The built-in model always gets one."""
        return self.settings.text("system") or (LOCAL_SYSTEM if self.uses_local else None)

    def system_message(self) -> Message | None:
        """Return the system text as the message that goes first."""
        text = self.system_text()
        if text is None:
            return None
        return Message("", None, "system", text, self.ports.clock.now())

    async def prepare_local(self) -> AsyncIterator[Event]:
        """Bring up the built-in model where it is used, yielding progress."""
        async for progress in self.answerer.prepare_local():
            yield progress

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

    async def ask(self, text: str) -> AsyncIterator[Event]:
        """Say something: keep it, send what fits, and yield the answer as it comes."""
        content, notice = valid_text(text)
        if notice:
            yield notice
        question = Message(
            self.ports.new_id(),
            self.conversation.head,
            "user",
            content,
            self.ports.clock.now(),
        )
        try:
            check_fits((await self._stoppable(self.plan(question)))[1])
        except ChatreplError as error:
            yield Notice.of(error)
            yield DraftReturned(text)
            return
        fallback = self.conversation.head
        self.conversation.add(question)
        self.undone.clear()
        record = self.move_head(question.id)
        await self.keeper.save(record, [question])
        yield MessageAccepted(question)
        for told in self.take_notices():
            yield told
        async for event in self._answer(question, fallback):
            yield event

    async def retry(self, model: str | None = None) -> AsyncIterator[Event]:
        """Ask the newest user message again; the new answer is a sibling of the old one."""
        failed = self._failed
        if failed is not None and failed.parent == self.conversation.head:
            question = self.conversation.set_state(failed.id, State.COMPLETE)
            fallback = self.conversation.head
        else:
            last = self.conversation.last_question()
            if last is None:
                raise UsageError("there is no message to answer again", "type one")
            question, fallback = last, self.conversation.head
        self.conversation.head = question.id
        await self.keeper.set_state(self.move_head(question.id), question)
        async for event in self._answer(question, fallback, model):
            yield event

    async def plan(self, question: Message | None = None) -> tuple[Target, Plan]:
        """Work out what would be sent now, or with a further question."""
        target = await self.target()
        return target, self.planner.plan(self.settings, target, self.conversation, question)

    async def _answer(
        self, question: Message, fallback: str | None, model: str | None = None
    ) -> AsyncIterator[Event]:
        mailbox = Mailbox()
        ready = asyncio.ensure_future(self._stoppable(self._prepare(mailbox, model)))
        try:
            async for event in mailbox:
                yield event
            target, plan = await ready
        except ChatreplError as error:
            async for event in self._give_back(question, fallback, error):
                yield event
            return
        finally:
            ready.cancel()
        for notice in self._plan_notices(target, plan):
            yield notice
        self._failed = None
        self._run = run = AnswerRun(self._exchange(question, fallback, target))
        try:
            async for event in run.events():
                yield event
        finally:
            self._run = None
            await self.keeper.set_counts(self.planner.take_fresh())

    async def _prepare(self, mailbox: Mailbox, model: str | None) -> tuple[Target, Plan]:
        """Find out who is asked and what is sent; the mailbox gets what there is to see."""
        try:
            async for event in self.prepare_local():
                mailbox.put(event)
            target = await self.target()
            target = replace(target, model=model) if model else target
            await self.planner.prepare(self.settings, target.model)
            plan = self.planner.plan(self.settings, target, self.conversation)
            check_fits(plan)
            return target, plan
        finally:
            mailbox.close()

    async def _stoppable(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for what comes before a request; ``stop`` ends it with a ``ChatreplError``."""
        task: asyncio.Task[T] = asyncio.create_task(work)
        self._preparing = task
        try:
            return await task
        except asyncio.CancelledError:
            if not self._is_stopped:
                task.cancel()
                raise
            raise ChatreplError("stopped before it was sent") from None
        finally:
            self._preparing = None
            self._is_stopped = False

    async def _give_back(
        self, question: Message, fallback: str | None, error: ChatreplError
    ) -> AsyncIterator[Event]:
        """The request never left: the head goes back, the text to the input line."""
        yield Notice.of(error)
        if fallback != question.parent:
            await self.save_head(fallback)
            return
        failed = replace(question, state=State.FAILED)
        self._settle(failed)
        await self.keeper.set_state(self.move_head(fallback), failed)
        yield DraftReturned(question.content)

    def _exchange(self, question: Message, fallback: str | None, target: Target) -> Exchange:
        return Exchange(
            model=self.ports.model,
            store=self.ports.store,
            clock=self.ports.clock,
            planner=self.planner,
            keeper=self.keeper,
            target=target,
            question=question,
            answer_id=self.ports.new_id(),
            record=self.move_head,
            settle=self._settle,
            make_plan=lambda: self.planner.plan(self.settings, target, self.conversation),
            make_request=lambda plan: self.planner.request(self.settings, target, plan),
            fallback_head=fallback,
        )

    def _settle(self, message: Message) -> None:
        if message.role == "user":
            self.conversation.set_state(message.id, message.state)
            self._failed = message
        else:
            self.conversation.add(message)

    def _plan_notices(self, target: Target, plan: Plan) -> list[Notice]:
        notices: list[Notice] = []
        if self.planner.is_estimate(target.model) and target.model not in self._told_estimate:
            self._told_estimate.add(target.model)
            notices.append(
                Notice(
                    f"token figures are estimates (≈): the vocabulary of {target.model} is not "
                    f"known, {self.planner.encoding(target.model)} counts"
                )
            )
        if plan.omitted_turns:
            turns = "turn" if plan.omitted_turns == 1 else "turns"
            notices.append(
                Notice(
                    f"the oldest {plan.omitted_turns} {turns} no longer fit and are not sent",
                    Level.WARNING,
                    hint="/context shows all",
                )
            )
        return notices

    # Keeping.

    def take_notices(self) -> list[Notice]:
        """Return what the disk has to tell."""
        notices = list(self.keeper.notices)
        self.keeper.notices.clear()
        return notices

    def move_head(self, head: str | None) -> SessionRecord:
        """Move the head, and return the session's record as it is now; a new one at first."""
        if self.conversation.head != head:
            self.conversation.head = head
        now = self.ports.clock.now()
        if self.record is None:
            title = title_of(self.conversation.path)
            self.record = SessionRecord(self.ports.new_id(), title, now, now, name=self.name)
        self.record = replace(
            self.record,
            title=self.record.title or title_of(self.conversation.path),
            head=head,
            updated=now,
            name=self.name,
            settings=self.settings.for_session(),
        )
        return self.record

    async def save_head(self, head: str | None) -> None:
        """Move the head, on disk too where there is a session yet."""
        self.conversation.head = head
        await self.save_settings()

    async def save_settings(self) -> None:
        """Keep the settings with the session, where there is one yet."""
        if self.record is not None:
            await self.keeper.save(self.move_head(self.conversation.head))

    def start_new(self, name: str | None = None) -> None:
        """Begin a new conversation; settings stay. The old one stays on disk."""
        self.conversation = Conversation()
        self.record = None
        self.name = name
        self.undone.clear()
        self._failed = None
        self.keeper.forget(is_created=False)

    async def open(self, session_id: str) -> Sequence[str]:
        """Go on with a session on disk; returns the ids of answers a crash had cut short."""
        loaded = await self.ports.store.load(session_id)
        self.start_new(loaded.record.name)
        self.record = loaded.record
        self.conversation = Conversation(loaded.messages, loaded.record.head, loaded.marks)
        self.planner.remember(loaded.counts)
        self.keeper.forget(is_created=True)
        self.settings = self.settings.for_other_session(loaded.record.settings)
        return loaded.recovered

    async def list_known(self) -> None:
        """Remember the newest sessions' names for completion."""
        listed = await self.ports.store.sessions(limit=50)
        self.known_sessions = [
            (summary.name or summary.id[:8], summary.title) for summary in listed
        ]

    async def warm_up(self) -> AsyncIterator[Progress]:
        """Pay ahead for what the first message would wait for."""
        await self.ports.model.warm_up()
        async for event in self.prepare_local():
            if isinstance(event, Progress):
                yield event
