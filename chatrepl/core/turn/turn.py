"""One turn: the models it asks, the plan of each request, and the run that brings the answers."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from chatrepl.core.context.fitting import Plan
from chatrepl.core.errors import ChatreplError
from chatrepl.core.events import Level, Notice
from chatrepl.core.messages import Message, Usage
from chatrepl.core.servers.continuation import Way, instruction, way_for
from chatrepl.core.servers.refused_parameters import COUNT, retry_command
from chatrepl.core.servers.target import Candidate, Target
from chatrepl.core.sessions.state import SessionState
from chatrepl.core.turn.answer_run import AnswerRun
from chatrepl.core.turn.event_queue import EventQueue
from chatrepl.core.turn.preflight import Preflight
from chatrepl.core.turn.turn_request import ModelRequest, TurnRequest


class Turn:
    """A turn request made ready by ``prepare``, then run by ``answer_run``."""

    def __init__(self, session: SessionState, preflight: Preflight, request: TurnRequest) -> None:
        self._session = session
        self._preflight = preflight
        self._request = request
        self._planned: list[tuple[Candidate, Plan | None]] = []
        """The models to ask, with their plans; None: of one that cannot be asked."""
        self._way: Way | None = None
        self._instruction: Message | None = None
        self._local_error: ChatreplError | None = None
        """Why the built-in model, one of several that are asked, is not there."""

    async def prepare(self, events: EventQueue) -> None:
        """Resolve the models and plan what each is sent. Raises where none can be asked."""
        await self._prepare_local(events)
        await self._plan_all(await self._candidates(), events)
        if self._request.continued is not None:
            await self._plan_continuation(self._request.continued)

    async def _prepare_local(self, events: EventQueue) -> None:
        """Bring up the built-in model; of several models, the others do without it."""
        try:
            async for progress in self._session.servers.prepare_local(self._request.models):
                events.put(progress)
        except ChatreplError as error:
            if not self._request.is_comparison:
                raise
            self._local_error = error

    async def _candidates(self) -> list[Candidate]:
        request = self._request
        found = await self._session.candidates(request.models)
        if request.continued is None and request.is_first and not request.models:
            return found
        return [replace(candidate, answers=1) for candidate in found]

    async def _plan_all(self, candidates: Sequence[Candidate], events: EventQueue) -> None:
        """Plan each request for its own model; the others do without one that cannot be sent."""
        is_only = len(candidates) == 1
        requests: list[tuple[Target, Usage]] = []
        for candidate in candidates:
            try:
                plan = await self._plan(candidate, events, is_only=is_only)
            except ChatreplError as error:
                self._planned.append((replace(candidate, error=error), None))
            else:
                requests.append((candidate.target, _most_usage(plan, candidate.answers)))
                self._planned.append((candidate, plan))
        first_error = self._planned[0][0].error
        if not requests and first_error is not None:
            raise first_error
        session = self._session
        limit_usd = session.settings.get("spending_limit")
        events.extend(await self._preflight.spending.check(limit_usd, requests, session.stores))

    async def _plan(self, candidate: Candidate, events: EventQueue, *, is_only: bool) -> Plan:
        if candidate.error is not None:
            raise candidate.error
        if candidate.target.server.is_local and self._local_error is not None:
            raise self._local_error
        await self._session.planner.prepare(candidate.settings, candidate.target.model)
        return await self._preflight.run(candidate, events, is_only=is_only)

    async def _plan_continuation(self, continued: Message) -> None:
        """Find the server's way to go on; where that takes a message, that must fit, too."""
        planner, [(candidate, _)] = self._session.planner, self._planned
        target = candidate.target
        self._way = await self._find_way(target)
        if self._way is Way.INSTRUCTION:
            self._instruction = instruction(continued, continued.created)
            plan = planner.plan(
                candidate.settings, target, self._session.conversation, self._instruction
            )
            planner.check_fits(target, plan)
            self._planned = [(candidate, plan)]

    async def _find_way(self, target: Target) -> Way:
        session = self._session
        directory = session.model_directory
        if not directory.current:
            # The server's kind decides; without its list, the way is that of an unknown kind.
            with suppress(ChatreplError):
                await session.servers.list_models()
        is_llama = bool(session.planner.calibration(target).counts_itself)
        return way_for(target.server, directory.current.get(target.model), is_llama=is_llama)

    def notices(self) -> Iterator[Notice]:
        """Yield what is special about the requests, before they leave."""
        sent = [(candidate, plan) for candidate, plan in self._planned if plan is not None]
        yield from self._preflight.estimate_notices([candidate.target for candidate, _ in sent])
        for candidate, plan in sent:
            yield from _refusal_notices(self._session, candidate)
            target = candidate.target if len(self._planned) > 1 else None
            yield from _omission_notices(plan, target)

    def answer_run(self, events: EventQueue) -> AnswerRun:
        """Make the run of the requests."""
        session = self._session
        requests = [
            ModelRequest(
                candidate,
                session.planner,
                session.conversation,
                continued=self._request.continued,
                way=self._way,
                instruction=self._instruction,
                # A summary made for a later model changes what the earlier ones are sent.
                first_plan=plan if len(self._planned) == 1 else None,
            )
            for candidate, plan in self._planned
        ]
        return AnswerRun(session, self._request, requests, events)


def _most_usage(plan: Plan, answers: int) -> Usage:
    """Return the most that a request may use: so many answers may each fill their reserve."""
    return Usage(max(0, plan.tokens) * answers, plan.limits.reserve * answers)


def _refusal_notices(session: SessionState, candidate: Candidate) -> Iterator[Notice]:
    planner, target = session.planner, candidate.target
    most = planner.most_answers(target) or candidate.answers
    for name in planner.refusals.take_unreported(target.model_key, candidate.settings):
        if name != COUNT:
            yield Notice(
                f"{name} is not sent: {target.model} refused it before",
                Level.WARNING,
                hint=f"{retry_command(name)} tries it again",
            )
        elif candidate.answers > most:
            gives = "one answer" if most == 1 else f"up to {most} answers"
            requests = math.ceil(candidate.answers / most)
            yield Notice(
                f"{target.model} gives {gives} to a request: sending {requests} at once",
                hint=f"/n {candidate.answers} tries it in one request again",
            )


def _omission_notices(plan: Plan, target: Target | None) -> Iterator[Notice]:
    """Yield which turns are left out; ``target``: for which one of several."""
    if not plan.omitted_turns:
        return
    model = "" if target is None else f" for {target.model}"
    many = f"the oldest {plan.omitted_turns} turns no longer fit{model} and are not sent"
    one = f"the oldest turn no longer fits{model} and is not sent"
    text = one if plan.omitted_turns == 1 else many
    larger = "the model's window is only guessed: /budget N if it is larger"
    hint = larger if plan.limits.is_guessed else "/context shows all"
    yield Notice(text, Level.WARNING, hint=hint)
