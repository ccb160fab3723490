"""One request and its response, which holds one answer or several."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chatrepl.core.context.fitting import Plan
from chatrepl.core.errors import ChatreplError, Fault, ModelError, unexpected
from chatrepl.core.events import (
    ChoiceFinished,
    Level,
    ModelEvent,
    Notice,
    ResponseStarted,
    UsageReported,
)
from chatrepl.core.messages import Message, State
from chatrepl.core.ports.chat_model import ChatRequest
from chatrepl.core.servers.refused_parameters import COUNT
from chatrepl.core.servers.target import Target
from chatrepl.core.turn.answer_set import AnswerSet, TurnContext
from chatrepl.core.turn.incoming_answer import IncomingAnswer, ResponseSoFar

__all__ = ["Exchange", "ModelRequest", "for_answers"]

_RETRY_PAUSES_S = (1.0, 4.0)
_LONGEST_WAIT_S = 60.0
_MOST_REPAIRS = 8


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A model that is asked, what it is sent, and how many answers are wanted of it."""

    target: Target
    make_plan: Callable[[], Plan]
    make_request: Callable[[Plan], ChatRequest]
    answers: int = 1
    continued: Message | None = None
    """The cut answer that the answer goes on with."""
    error: ChatreplError | None = None
    """Why it cannot be sent, though those to other models can."""


class Exchange:
    """Sends a request, again where the server says how it may succeed, and reads its answers.

    ``ask_apart`` is told which answers another request must bring: those that the server does not
    give in one response. ``drafts`` are of the same source.
    """

    def __init__(
        self,
        exchange: TurnContext,
        inquiry: ModelRequest,
        answers: AnswerSet,
        drafts: Sequence[IncomingAnswer],
        ask_apart: Callable[[ModelRequest, Sequence[IncomingAnswer]], None],
    ) -> None:
        self._exchange = exchange
        self._inquiry = inquiry
        self._answers = answers
        self._drafts = list(drafts)
        self._ask_apart = ask_apart
        self._source = ResponseSoFar(inquiry.target, continued=inquiry.continued)
        for draft in drafts:
            draft.source = self._source
        self._is_ending = False
        self._is_refitted = False
        self._task = asyncio.create_task(self._run())

    @property
    def task(self) -> asyncio.Task[None]:
        """The work; it raises nothing."""
        return self._task

    def stop(self) -> bool:
        """Stop it; what came is kept. False: it is over already, or being saved."""
        return not self._is_ending and self._task.cancel()

    async def _run(self) -> None:
        error: ChatreplError | None = None
        state = State.COMPLETE
        try:
            await self._ask()
        except asyncio.CancelledError:
            state = State.STOPPED
        except ChatreplError as failure:
            error, state = failure, State.CUT
        except Exception as failure:  # noqa: BLE001 - an error of ours must not cost the answer
            error, state = unexpected(failure), State.CUT
        self._is_ending = True
        saving = asyncio.create_task(self._finish(state, error))
        # A second stop must not cut a save short.
        while not saving.done():
            try:
                await asyncio.shield(saving)
            except asyncio.CancelledError:
                continue
        saving.result()

    async def _ask(self) -> None:
        inquiry = self._inquiry
        plan = inquiry.make_plan()
        transient = 0
        for _ in range(_MOST_REPAIRS):
            request = for_answers(inquiry.make_request(plan), len(self._drafts))
            self._source.body = request.body
            self._source.started_s = self._exchange.clock.monotonic()
            self._answers.start(self._drafts)
            try:
                await self._read(request)
            except ModelError as error:
                if any(draft.has_content or draft.ended for draft in self._drafts):
                    raise
                if error.is_transient and transient < len(_RETRY_PAUSES_S):
                    await self._wait(error, _RETRY_PAUSES_S[transient])
                    transient += 1
                elif not self._repair(error, plan, request):
                    raise
                plan = inquiry.make_plan()
                self._exchange.planner.check_fits(inquiry.target, plan)
            else:
                self._learn(plan)
                return
        raise ModelError(
            "the server refuses every form of this request", "see /request", fault=Fault.BAD_REQUEST
        )

    def _learn(self, plan: Plan) -> None:
        planner, target = self._exchange.planner, self._inquiry.target
        usage = self._source.usage
        planner.record_server(target, self._source.started)
        if usage is not None:
            # Of several answers' tokens nobody says which are whose.
            answer_id = self._drafts[0].answer_id if len(self._drafts) == 1 else ""
            planner.record_usage(target, plan, usage, answer_id)
            if answer_id:
                self._source.prompt_digest = planner.digest(target, plan)

    async def _wait(self, error: ModelError, pause_s: float) -> None:
        wait_s = float(error.details.get("retry_after_s", pause_s))
        if wait_s > _LONGEST_WAIT_S:
            raise error
        self._answers.put(
            Notice(
                f"{error.message}; trying again in {wait_s:g} s",
                Level.WARNING,
                hint="Ctrl+C gives up",
            )
        )
        await asyncio.sleep(wait_s)

    def _repair(self, error: ModelError, plan: Plan, request: ChatRequest) -> bool:
        """Learn from a refusal what to change; say it. False: nothing can be changed."""
        planner, target = self._exchange.planner, self._inquiry.target
        if error.fault is Fault.PARAMETER_REFUSED:
            if self._is_learnt(error, plan, request):
                return True
            said = planner.record_parameter(target, error, request.body)
            if said and len(self._drafts) > (planner.most_answers(target) or len(self._drafts)):
                self._split(said)
            elif said:
                self._answers.put(Notice(said, Level.WARNING))
            return bool(said)
        if error.fault is Fault.CONTEXT_LENGTH and not self._is_refitted:
            self._is_refitted = True
            if not planner.record_window(target, error, plan):
                return False
            self._answers.put(
                Notice(f"{error.message}; fitting it to the server's own numbers", Level.WARNING)
            )
            return True
        return False

    def _is_learnt(self, error: ModelError, plan: Plan, request: ChatRequest) -> bool:
        """Say whether what was refused would not be sent now: one sent beside it taught that."""
        name = str(error.details.get("parameter", "")).split(".")[0]
        is_sent = name in request.body and name != COUNT
        return is_sent and name not in self._inquiry.make_request(plan).body

    def _split(self, said: str) -> None:
        """Go on with as many as the server gives; others are asked for at the same time."""
        most = self._exchange.planner.most_answers(self._inquiry.target) or 1
        requests = math.ceil(len(self._drafts) / most)
        each = "" if most == 1 else f" for up to {most} each"
        self._answers.put(Notice(f"{said}: sending {requests}{each} at once", Level.WARNING))
        others = self._drafts[most:]
        self._drafts = self._drafts[:most]
        self._ask_apart(self._inquiry, others)

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
        match event:
            case ResponseStarted():
                self._source.started = event
            case UsageReported(usage=usage, as_sent=as_sent):
                self._source.usage, self._source.usage_as_sent = usage, as_sent
            case _ if event.index < len(self._drafts):
                draft = self._drafts[event.index]
                is_new = not draft.is_seen
                draft.choice = event.index
                if draft.ended is None:
                    await self._answers.take(draft, event)
                if len(self._drafts) > 1 and (is_new or isinstance(event, ChoiceFinished)):
                    await self._end_early()
            case _:
                pass

    async def _end_early(self) -> None:
        """End the answers that are whole while others still come; one waits for the usage."""
        coming = any(draft.is_seen and draft.finish_reason is None for draft in self._drafts)
        whole = [draft for draft in self._open() if draft.finish_reason is not None]
        for draft in whole if coming else whole[1:]:
            await self._answers.end(draft, State.COMPLETE)

    def _open(self) -> list[IncomingAnswer]:
        return [draft for draft in self._drafts if draft.ended is None]

    async def _finish(self, state: State, error: ChatreplError | None) -> None:
        """Bring the answers that are still open to their ends. The first carries the usage."""
        still_open = self._open()
        missing: list[IncomingAnswer] = []
        if state is State.COMPLETE and any(draft.is_seen for draft in self._drafts):
            missing = [draft for draft in still_open if not draft.is_seen]
        usage = self._source.usage
        for draft in still_open:
            if draft in missing:
                continue
            await self._answers.end(draft, self._end_state(draft, state), usage, error)
            usage = None
        if missing:
            self._fetch(missing)

    def _end_state(self, draft: IncomingAnswer, state: State) -> State:
        if len(self._drafts) > 1 and draft.finish_reason is not None:
            return State.COMPLETE
        return State.FAILED if state is State.CUT and not draft.has_content else state

    def _fetch(self, missing: Sequence[IncomingAnswer]) -> None:
        """Ask for the answers that the server did not give, though it did not refuse them."""
        target, wanted = self._inquiry.target, len(self._drafts)
        came = wanted - len(missing)
        self._exchange.planner.record_most_answers(target, came)
        gave = "one answer" if came == 1 else f"{came} answers"
        apart = "the other one" if len(missing) == 1 else f"the other {len(missing)}"
        self._answers.put_last(
            Notice(
                f"{target.model} gave {gave} of {wanted} to the request: {apart} came apart",
                Level.WARNING,
            )
        )
        self._ask_apart(self._inquiry, missing)


def for_answers(request: ChatRequest, wanted: int) -> ChatRequest:
    """Write into a request how many answers it is to bring."""
    if COUNT not in request.body or request.body[COUNT] == wanted:
        return request
    body = {key: value for key, value in request.body.items() if key != COUNT}
    return replace(request, body=body if wanted == 1 else {**body, COUNT: wanted})
