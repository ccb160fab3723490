"""One answer: from the request to its end state, kept whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

from chatrepl.core.budget import Plan
from chatrepl.core.errors import ChatreplError, Fault, ModelError, unexpected
from chatrepl.core.events import (
    AnswerEnded,
    AnswerStarted,
    ChoiceFinished,
    DraftReturned,
    Event,
    Level,
    ModelEvent,
    Notice,
    ReasoningDelta,
    RefusalDelta,
    ResponseStarted,
    TextDelta,
    TokenScore,
    TokensScored,
    ToolCallDelta,
    UsageReported,
)
from chatrepl.core.journal import Journal
from chatrepl.core.keeper import Keeper
from chatrepl.core.logprobs import with_scores
from chatrepl.core.mailbox import Mailbox
from chatrepl.core.messages import Json, Message, SessionRecord, State, Usage
from chatrepl.core.money import with_cost
from chatrepl.core.planner import Planner, Target, check_fits
from chatrepl.core.ports import ChatModel, ChatRequest, Clock, Store
from chatrepl.core.timing import timing

__all__ = ["AnswerRun", "Exchange"]

_RETRY_PAUSES_S = (1.0, 4.0)
_LONGEST_WAIT_S = 60.0
_MOST_REPAIRS = 8
_NOT_PARAMETERS = ("model", "messages", "stream", "stream_options")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an answer's run needs of its session."""

    model: ChatModel
    store: Store
    clock: Clock
    planner: Planner
    keeper: Keeper
    target: Target
    question: Message
    answer_id: str
    record: Callable[[str | None], SessionRecord]
    """Move the session's head, and return its record."""
    settle: Callable[[Message], None]
    """Put a message's end state into the conversation."""
    make_plan: Callable[[], Plan]
    make_request: Callable[[Plan], ChatRequest]
    fallback_head: str | None
    """Where the head goes when not one byte of an answer comes."""
    cost: Callable[[Target, Message], Awaitable[float | None]]
    """What an answer cost in dollars, where that is known."""
    continued: Message | None = None
    """The cut answer that this one goes on with, and holds."""


@dataclass(slots=True)
class _Draft:
    """What has come so far."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    started: ResponseStarted | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    tool_calls: list[Json] = field(default_factory=list)
    is_refusal: bool = False
    first_text_s: float | None = None
    scores: list[TokenScore] = field(default_factory=list)

    @property
    def has_content(self) -> bool:
        return bool(self.text or self.reasoning or self.tool_calls)


class AnswerRun:
    """Reads one answer, journals it, and yields what happens. Reading never waits for drawing."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._draft = _Draft()
        self._mailbox = Mailbox()
        self._task: asyncio.Task[None] | None = None
        self._is_ending = False
        self._started_s = exchange.clock.monotonic()
        self._journal: Journal | None = None
        self._request: ChatRequest | None = None
        self._is_refitted = False

    def stop(self) -> bool:
        """Stop the answer; what came is kept. False: it is over already, or being saved."""
        return self._task is not None and not self._is_ending and self._task.cancel()

    async def events(self) -> AsyncIterator[Event]:
        """Yield the answer as it comes; closing this early stops and keeps it."""
        self._task = asyncio.create_task(self._work())
        try:
            async for event in self._mailbox:
                yield event
            await self._task
        finally:
            if not self._task.done():
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        error: ChatreplError | None = None
        state = State.COMPLETE
        try:
            await self._ask()
        except asyncio.CancelledError:
            state = State.STOPPED
        except ChatreplError as failure:
            error = failure
            state = State.CUT if self._draft.has_content else State.FAILED
        except Exception as failure:  # noqa: BLE001 - an error of ours must not cost the answer
            error = unexpected(failure)
            state = State.CUT if self._draft.has_content else State.FAILED
        self._is_ending = True
        saving = asyncio.create_task(self._finish(state, error))
        try:
            # A second stop must not cut a save short.
            while not saving.done():
                try:
                    await asyncio.shield(saving)
                except asyncio.CancelledError:
                    continue
            saving.result()
        finally:
            self._mailbox.close()

    async def _ask(self) -> None:
        """Send the request, again where the server says how it may succeed."""
        exchange = self._exchange
        plan = exchange.make_plan()
        transient = 0
        for _ in range(_MOST_REPAIRS):
            self._request = exchange.make_request(plan)
            self._mailbox.put(AnswerStarted(exchange.target.model))
            try:
                await self._read(self._request)
            except ModelError as error:
                if self._draft.has_content:
                    raise
                if error.is_transient and transient < len(_RETRY_PAUSES_S):
                    await self._wait(error, _RETRY_PAUSES_S[transient])
                    transient += 1
                elif not self._repair(error, plan):
                    raise
                plan = exchange.make_plan()
                check_fits(plan)
            else:
                usage = self._draft.usage
                if self._draft.started is not None:
                    exchange.planner.learn_server(exchange.target, self._draft.started)
                if usage is not None:
                    exchange.planner.learn_usage(exchange.target, plan, usage, exchange.answer_id)
                return
        raise ModelError(
            "the server refuses every form of this request", "see /request", fault=Fault.BAD_REQUEST
        )

    async def _wait(self, error: ModelError, pause_s: float) -> None:
        wait_s = float(error.details.get("retry_after_s", pause_s))
        if wait_s > _LONGEST_WAIT_S:
            raise error
        self._mailbox.put(
            Notice(
                f"{error.message}; trying again in {wait_s:g} s", Level.WARNING, hint="Esc gives up"
            )
        )
        await asyncio.sleep(wait_s)

    def _repair(self, error: ModelError, plan: Plan) -> bool:
        """Learn from a refusal what to change; say it. False: nothing can be changed."""
        exchange = self._exchange
        if error.fault is Fault.PARAMETER_REFUSED and self._request is not None:
            said = exchange.planner.learn_parameter(exchange.target, error, self._request.body)
            if said:
                self._mailbox.put(Notice(said, Level.WARNING))
            return bool(said)
        if error.fault is Fault.CONTEXT_LENGTH and not self._is_refitted:
            self._is_refitted = True
            if not exchange.planner.learn_window(exchange.target, error, plan):
                return False
            self._mailbox.put(
                Notice(f"{error.message}; fitting it to the server's own numbers", Level.WARNING)
            )
            return True
        return False

    async def _read(self, request: ChatRequest) -> None:
        stream = self._exchange.model.stream(request)
        try:
            async for event in stream:
                await self._take(event)
        finally:
            # Leaving the loop by an error or a stop must end the server's work now.
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    async def _take(self, event: ModelEvent) -> None:
        draft = self._draft
        match event:
            case TextDelta(text=text, index=0):
                self._note_text(text)
                self._mailbox.put(event)
                await self._journalled(text, "")
            case RefusalDelta(text=text, index=0):
                draft.is_refusal = True
                self._note_text(text)
                self._mailbox.put(event)
                await self._journalled(text, "")
            case ReasoningDelta(text=text, index=0):
                draft.reasoning.append(text)
                self._mailbox.put(event)
                await self._journalled("", text)
            case ToolCallDelta(name=name, arguments=arguments, index=0):
                draft.tool_calls.append({"name": name, "arguments": arguments})
                self._mailbox.put(event)
            case ResponseStarted():
                draft.started = event
            case UsageReported(usage=usage):
                draft.usage = usage
            case TokensScored(scores=scores, index=0):
                draft.scores += scores
            case ChoiceFinished(finish_reason=reason, index=0):
                draft.finish_reason = reason
            case _:
                pass

    def _note_text(self, text: str) -> None:
        if self._draft.first_text_s is None:
            self._draft.first_text_s = self._exchange.clock.monotonic() - self._started_s
        self._draft.text.append(text)

    async def _journalled(self, text: str, reasoning: str) -> None:
        if self._journal is None:
            exchange = self._exchange
            record = exchange.record(exchange.question.id)
            await exchange.keeper.begin_answer(record, self._message(State.STREAMING))
            self._journal = Journal(exchange.store, exchange.answer_id)
            if exchange.continued is not None:
                self._journal.add(exchange.continued.content, exchange.continued.reasoning)
        self._journal.add(text, reasoning)
        if self._journal.error is not None and self._exchange.keeper.is_saved:
            # Told while the answer still comes: its text is on the screen, and not on the disk.
            self._exchange.keeper.fail(
                self._journal.error, self._exchange.record(self._exchange.question.id)
            )
            self._tell()

    def _message(self, state: State) -> Message:
        draft, exchange = self._draft, self._exchange
        started = draft.started or ResponseStarted()
        body = self._request.body if self._request else {}
        content, reasoning = "".join(draft.text), "".join(draft.reasoning)
        if exchange.continued is not None:
            content = exchange.continued.content + content
            reasoning = exchange.continued.reasoning + reasoning
        extra: dict[str, Json] = {}
        if draft.is_refusal:
            extra["refusal"] = True
        if draft.tool_calls:
            extra["tool_calls"] = list(draft.tool_calls)
        if started.system_fingerprint:
            extra["system_fingerprint"] = started.system_fingerprint
        return Message(
            id=exchange.answer_id,
            parent=exchange.question.id,
            role="assistant",
            content="" if state is State.STREAMING else content,
            created=exchange.clock.now(),
            reasoning="" if state is State.STREAMING else reasoning,
            state=state,
            model=started.model or exchange.target.model,
            finish_reason=draft.finish_reason,
            usage=draft.usage,
            parameters={key: body[key] for key in body if key not in _NOT_PARAMETERS},
            response_id=started.response_id,
            extra=extra,
        )

    async def _finish(self, state: State, error: ChatreplError | None) -> None:
        """Bring the conversation and the disk to the end state, and tell it."""
        if self._journal is not None:
            await self._journal.close()
        if state is State.COMPLETE or self._draft.has_content:
            await self._keep(state)
        else:
            await self._give_back(state)
        if error is not None:
            self._mailbox.put(Notice.of(error))
        self._tell()

    async def _keep(self, state: State) -> None:
        exchange = self._exchange
        message = self._message(state)
        cost = await exchange.cost(exchange.target, message)
        elapsed_s = exchange.clock.monotonic() - self._started_s
        extra = {**with_cost(message.extra, cost), **timing(elapsed_s, self._draft.first_text_s)}
        extra = with_scores(extra, self._draft.scores, exchange.continued)
        message = replace(message, extra=extra)
        exchange.settle(message)
        await exchange.keeper.finish_answer(exchange.record(message.id), message)
        self._mailbox.put(AnswerEnded(message, elapsed_s, self._draft.first_text_s))

    async def _give_back(self, state: State) -> None:
        """Not one byte of an answer came: the head goes back, and so does the text."""
        exchange = self._exchange
        is_new = exchange.fallback_head == exchange.question.parent
        question = replace(exchange.question, state=state) if is_new else exchange.question
        if is_new:
            exchange.settle(question)
        record = exchange.record(exchange.fallback_head)
        if is_new:
            await exchange.keeper.set_state(record, question)
            self._mailbox.put(DraftReturned(question.content))
        else:
            await exchange.keeper.save(record)
        if state is State.STOPPED:
            self._mailbox.put(Notice("stopped before an answer came", Level.INFO))

    def _tell(self) -> None:
        notices = self._exchange.keeper.notices
        for notice in notices:
            self._mailbox.put(notice)
        notices.clear()
