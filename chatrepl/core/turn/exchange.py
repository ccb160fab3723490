"""One request and its response, with retries and repairs; it carries one answer or several."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from chatrepl.core.context.fitting import Plan
from chatrepl.core.context.reported_counts import digest_of
from chatrepl.core.conversation.ends import End, end_of
from chatrepl.core.errors import ChatreplError, Fault, ModelError, unexpected
from chatrepl.core.events import (
    ChoiceFinished,
    Level,
    ModelEvent,
    Notice,
    ResponseStarted,
    UsageReported,
)
from chatrepl.core.messages import State
from chatrepl.core.ports.chat_model import ChatModel, ChatRequest
from chatrepl.core.servers.refused_parameters import COUNT
from chatrepl.core.sessions.state import SessionState
from chatrepl.core.turn.answer_set import AnswerSet
from chatrepl.core.turn.incoming_answer import IncomingAnswer, ResponseSoFar
from chatrepl.core.turn.turn_request import ModelRequest

_RETRY_PAUSES_S = (1.0, 4.0)
_LONGEST_WAIT_S = 60.0
_MOST_REPAIRS = 8


@asynccontextmanager
async def open_stream(
    model: ChatModel, request: ChatRequest
) -> AsyncIterator[AsyncIterator[ModelEvent]]:
    """Send a request; leaving by an error or a stop ends the server's work at once."""
    stream = model.stream(request)
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


class Exchange:
    """A request, sent again where the server says how it may succeed, and its answers.

    ``ask_apart`` is called with the answers that another request must bring: those that the server
    does not give in one response.
    """

    def __init__(
        self,
        session: SessionState,
        request: ModelRequest,
        answer_set: AnswerSet,
        answers: Sequence[IncomingAnswer],
        ask_apart: Callable[[ModelRequest, Sequence[IncomingAnswer]], None],
    ) -> None:
        self._session = session
        self._planner = session.planner
        self._request = request
        self._target = request.target
        self._answer_set = answer_set
        self._answers = list(answers)
        self._ask_apart = ask_apart
        self._response = ResponseSoFar(request.target, continued=request.continued)
        for answer in answers:
            answer.response = self._response
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
        """Send the request and read the response, until it succeeds or nothing can be changed."""
        plan = self._request.plan()
        transient = 0
        for _ in range(_MOST_REPAIRS):
            request = self._request.write(plan, len(self._answers))
            self._response.body = request.body
            self._response.started_s = self._session.ports.clock.monotonic()
            self._answer_set.start(self._answers)
            try:
                await self._read(request)
            except ModelError as error:
                if any(answer.has_content or answer.final for answer in self._answers):
                    raise
                if error.is_transient and transient < len(_RETRY_PAUSES_S):
                    await self._wait(error, _RETRY_PAUSES_S[transient])
                    transient += 1
                elif not self._repair(error, plan, request):
                    raise
                plan = self._request.plan()
                self._planner.check_fits(self._target, plan)
            else:
                self._record(plan)
                return
        raise ModelError(
            "the server refuses every form of this request", "see /request", fault=Fault.BAD_REQUEST
        )

    def _record(self, plan: Plan) -> None:
        """Record what the response tells of the server and of its token counts."""
        planner, response = self._planner, self._response
        planner.record_server(self._target, response.started)
        if response.usage is not None:
            # Of several answers' tokens the server does not say which are whose.
            answer_id = self._answers[0].answer_id if len(self._answers) == 1 else ""
            planner.record_usage(self._target, plan, response.usage, answer_id)
            if answer_id:
                response.prompt_digest = digest_of(plan, self._target.prompt_key)

    async def _wait(self, error: ModelError, pause_s: float) -> None:
        """Wait before a retry, as long as the server asks for; raise where that is too long."""
        wait_s = float(error.details.get("retry_after_s", pause_s))
        if wait_s > _LONGEST_WAIT_S:
            raise error
        self._answer_set.put(
            Notice(
                f"{error.message}; trying again in {wait_s:g} s",
                Level.WARNING,
                hint="Ctrl+C gives up",
            )
        )
        await asyncio.sleep(wait_s)

    def _repair(self, error: ModelError, plan: Plan, request: ChatRequest) -> bool:
        """Change what the server refused, and show it. False: nothing can be changed."""
        planner, target = self._planner, self._target
        if error.fault is Fault.PARAMETER_REFUSED:
            if self._is_recorded(error, plan, request):
                return True
            change = planner.refusals.record(target.model_key, error, request.body)
            wanted = len(self._answers)
            if change and wanted > (planner.most_answers(target) or wanted):
                self._split(change)
            elif change:
                self._answer_set.put(Notice(change, Level.WARNING))
            return bool(change)
        if error.fault is Fault.CONTEXT_LENGTH and not self._is_refitted:
            self._is_refitted = True
            if not planner.record_window(target, error, plan):
                return False
            self._answer_set.put(
                Notice(f"{error.message}; fitting it to the server's own numbers", Level.WARNING)
            )
            return True
        return False

    def _is_recorded(self, error: ModelError, plan: Plan, request: ChatRequest) -> bool:
        """Return whether a concurrent request has recorded the refusal: it is not sent any more."""
        name = str(error.details.get("parameter", "")).split(".")[0]
        if name not in request.body or name == COUNT:
            return False
        return name not in self._request.write(plan, len(self._answers)).body

    def _split(self, change: str) -> None:
        """Go on with as many answers as the server gives; ask for the others at the same time."""
        most = self._planner.most_answers(self._target) or 1
        requests = math.ceil(len(self._answers) / most)
        each = "" if most == 1 else f" for up to {most} each"
        self._answer_set.put(Notice(f"{change}: sending {requests}{each} at once", Level.WARNING))
        others = self._answers[most:]
        self._answers = self._answers[:most]
        self._ask_apart(self._request, others)

    async def _read(self, request: ChatRequest) -> None:
        async with open_stream(self._session.ports.model, request) as stream:
            async for event in stream:
                await self._take(event)

    async def _take(self, event: ModelEvent) -> None:
        match event:
            case ResponseStarted():
                self._response.started = event
            case UsageReported(usage=usage, as_sent=as_sent):
                self._response.usage, self._response.usage_as_sent = usage, as_sent
            case _ if event.index < len(self._answers):
                answer = self._answers[event.index]
                is_new = not answer.is_seen
                answer.choice = event.index
                if answer.final is None:
                    await self._answer_set.take(answer, event)
                if len(self._answers) > 1 and (is_new or isinstance(event, ChoiceFinished)):
                    await self._end_early()
            case _:
                pass

    async def _end_early(self) -> None:
        """End the whole answers while others still arrive; one is left to carry the usage."""
        is_arriving = any(
            answer.is_seen and answer.finish_reason is None for answer in self._answers
        )
        whole = [answer for answer in self._unended() if _has_ended(answer)]
        for answer in whole if is_arriving else whole[1:]:
            await self._answer_set.end(answer, State.COMPLETE)

    def _unended(self) -> list[IncomingAnswer]:
        return [answer for answer in self._answers if answer.final is None]

    async def _finish(self, state: State, error: ChatreplError | None) -> None:
        """Bring the answers that have not ended to their ends. The first carries the usage."""
        unended = self._unended()
        missing: list[IncomingAnswer] = []
        if state is State.COMPLETE and any(answer.is_seen for answer in self._answers):
            missing = [answer for answer in unended if not answer.is_seen]
        usage = self._response.usage
        ends = [
            (answer, self._end_state(answer, state)) for answer in unended if answer not in missing
        ]
        are_whole = all(end_state is State.COMPLETE for _, end_state in ends)
        for answer, end_state in ends:
            # What ended the others is no fault of a whole answer.
            its_error = None if end_state is State.COMPLETE and not are_whole else error
            await self._answer_set.end(answer, end_state, usage, its_error)
            usage = None
        if missing:
            self._ask_for_missing(missing)

    def _end_state(self, answer: IncomingAnswer, state: State) -> State:
        if len(self._answers) > 1 and _has_ended(answer):
            return State.COMPLETE
        return State.FAILED if state is State.CUT and not answer.has_content else state

    def _ask_for_missing(self, missing: Sequence[IncomingAnswer]) -> None:
        """Ask for the answers that the server did not give, though it did not refuse them."""
        wanted = len(self._answers)
        came = wanted - len(missing)
        self._planner.refusals.record_most_answers(self._target.model_key, came)
        gave = "one answer" if came == 1 else f"{came} answers"
        apart = "the other one" if len(missing) == 1 else f"the other {len(missing)}"
        self._answer_set.put_last(
            Notice(
                f"{self._target.model} gave {gave} of {wanted} to the request: {apart} came apart",
                Level.WARNING,
            )
        )
        self._ask_apart(self._request, missing)


def _has_ended(answer: IncomingAnswer) -> bool:
    """Return whether an answer has a finish reason that is no failure."""
    return answer.finish_reason is not None and end_of(answer.finish_reason) is not End.FAILED
