"""One turn: who is asked, what each is sent, and the run that brings the answers."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from chatrepl.core.context.fitting import Plan
from chatrepl.core.conversation.branches import answers_to
from chatrepl.core.errors import ChatreplError
from chatrepl.core.events import Level, Notice
from chatrepl.core.messages import Message, Usage
from chatrepl.core.ports.chat_model import ChatRequest
from chatrepl.core.servers.continuation import Way, as_continuation, instruction, way_for
from chatrepl.core.servers.refused_parameters import COUNT, how_to_try
from chatrepl.core.servers.target import Candidate, Target
from chatrepl.core.sessions.state import SessionState
from chatrepl.core.turn.answer_run import AnswerRun
from chatrepl.core.turn.answer_set import TurnContext
from chatrepl.core.turn.event_queue import EventQueue
from chatrepl.core.turn.exchange import ModelRequest
from chatrepl.core.turn.preflight import Preflight
from chatrepl.core.turn.spending_limit import price_of

__all__ = ["Turn", "TurnRequest"]


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What a turn is about."""

    question: Message
    fallback: str | None
    """Where the head goes when nothing comes."""
    models: Sequence[str] = ()
    """Models to ask in the place of the one in force; of each one answer."""
    is_first: bool = True
    """The message has no answer yet: as many are wanted as ``n`` says; else one more."""
    continued: Message | None = None
    """The cut answer to go on with."""


class Turn:
    """Prepares what is asked for; ``prepare`` comes first."""

    def __init__(self, session: SessionState, preflight: Preflight, about: TurnRequest) -> None:
        self._session = session
        self._preflight = preflight
        self._about = about
        self._asked: list[tuple[Candidate, Plan | ChatreplError]] = []
        self._way: Way | None = None
        self._told: Message | None = None
        """What asks to go on with an answer; it is sent, and no part of the conversation."""
        self._local_error: ChatreplError | None = None
        """Why the built-in model, one of several that are asked, is not there."""

    async def prepare(self, mailbox: EventQueue) -> None:
        """Find out who is asked and what is sent; the mailbox gets what there is to see."""
        try:
            await self._prepare_local(mailbox)
            await self._plan_all(await self._find_asked(), mailbox)
            if self._about.continued is not None:
                await self._plan_going_on(self._about.continued)
        finally:
            mailbox.close()

    async def _prepare_local(self, mailbox: EventQueue) -> None:
        """Bring up the built-in model. That it cannot be does not harm others that are asked."""
        models = self._about.models
        try:
            async for event in self._session.servers.prepare_local(models):
                mailbox.put(event)
        except ChatreplError as error:
            if len(models) < 2:
                raise
            self._local_error = error

    async def _plan_all(self, all_asked: Sequence[Candidate], mailbox: EventQueue) -> None:
        """Plan each request for its own model; one that cannot be sent does not harm others."""
        session = self._session
        is_only = len(all_asked) == 1
        requests: list[tuple[Target, Usage]] = []
        errors: list[ChatreplError] = []
        for asked in all_asked:
            try:
                if asked.error is not None:
                    raise asked.error
                if asked.target.server.is_local and self._local_error is not None:
                    raise self._local_error
                await session.planner.prepare(asked.settings, asked.target.model)
                plan = await self._preflight.run(asked, mailbox, is_only=is_only)
            except ChatreplError as error:
                errors.append(error)
                self._asked.append((asked, error))
            else:
                requests.append((asked.target, _most_of(plan, asked.answers)))
                self._asked.append((asked, plan))
        if len(errors) == len(all_asked):
            raise errors[0]
        limit_usd = session.settings.get("spending_limit")
        for notice in await self._preflight.spending.check(limit_usd, requests, session.stores):
            mailbox.put(notice)

    async def _plan_going_on(self, continued: Message) -> None:
        """Find out how to go on with an answer; where that takes a message, it must fit, too."""
        [(asked, _)] = self._asked
        self._way = await self._find_way(asked.target)
        if self._way is Way.INSTRUCTION:
            self._told = instruction(continued, continued.created)
            plan = self._session.planner.plan(
                asked.settings, asked.target, self._session.conversation, self._told
            )
            self._session.planner.check_fits(asked.target, plan)
            self._asked = [(asked, plan)]

    async def _find_asked(self) -> list[Candidate]:
        about = self._about
        found = await self._session.candidates(about.models)
        if about.continued is None and about.is_first and not about.models:
            return found
        return [replace(each, answers=1) for each in found]

    def notices(self) -> Iterator[Notice]:
        """Tell what is special about the requests, before they leave."""
        sent = [asked.target for asked, plan in self._asked if isinstance(plan, Plan)]
        yield from self._preflight.estimate_notices(sent)
        for asked, plan in self._asked:
            if isinstance(plan, ChatreplError):
                continue
            yield from _refusal_notices(self._session, asked)
            yield from _omission_notices(plan, asked.target if len(self._asked) > 1 else None)

    def run(self) -> AnswerRun:
        """Make the run."""
        session, about = self._session, self._about
        models = tuple(asked.target.model for asked, _ in self._asked)
        exchange = TurnContext(
            model=session.ports.model,
            store=session.ports.store,
            clock=session.ports.clock,
            planner=session.planner,
            keeper=session.keeper,
            question=about.question,
            new_id=session.ports.new_id,
            record=session.move_head,
            settle=session.settle,
            fallback_head=about.fallback,
            cost=lambda target, answer: price_of(session.ports.catalog, target, answer),
            older=len(answers_to(session.conversation, about.question.id)),
            compared=models if len(models) > 1 else (),
        )
        return AnswerRun(exchange, [self._inquiry(asked, plan) for asked, plan in self._asked])

    def _inquiry(self, asked: Candidate, plan_or_error: Plan | ChatreplError) -> ModelRequest:
        planner, conversation = self._session.planner, self._session.conversation
        told, way = self._told, self._way
        # With several models, a summary made for a later one changes what the earlier ones get.
        ready: list[Plan] = []
        if isinstance(plan_or_error, Plan) and len(self._asked) == 1:
            ready.append(plan_or_error)

        def make_plan() -> Plan:
            if ready:
                return ready.pop()
            return planner.plan(asked.settings, asked.target, conversation, told)

        def make_request(plan: Plan) -> ChatRequest:
            request = planner.request(asked.settings, asked.target, plan)
            return request if way is None else as_continuation(request, way)

        return ModelRequest(
            target=asked.target,
            make_plan=make_plan,
            make_request=make_request,
            answers=asked.answers,
            continued=self._about.continued,
            error=plan_or_error if isinstance(plan_or_error, ChatreplError) else None,
        )

    async def _find_way(self, target: Target) -> Way:
        """Find out how the server goes on with an answer."""
        session = self._session
        if not session.model_directory.current:
            # Who the server is decides the way; without an answer, the way is that of any.
            with suppress(ChatreplError):
                await session.servers.list_models()
        return way_for(
            target.server,
            session.model_directory.current.get(target.model),
            is_llama=bool(session.planner.lessons(target).counts_itself),
        )


def _most_of(plan: Plan, answers: int) -> Usage:
    """Return what so many requests may use at the most: the answers may fill their reserve."""
    return Usage(max(0, plan.tokens) * answers, plan.limits.reserve * answers)


def _refusal_notices(session: SessionState, asked: Candidate) -> Iterator[Notice]:
    target = asked.target
    key = (target.server.base_url, target.model)
    most = session.planner.most_answers(target) or asked.answers
    for name in session.planner.refusals.take_untold(key, asked.settings):
        if name != COUNT:
            yield Notice(
                f"{name} is not sent: {target.model} refused it before",
                Level.WARNING,
                hint=f"{how_to_try(name)} tries it again",
            )
        elif asked.answers > most:
            yield _groups_notice(target.model, asked.answers, most)


def _groups_notice(model: str, wanted: int, most: int) -> Notice:
    """Tell that several requests bring the answers that one was to bring."""
    gives = "one answer" if most == 1 else f"up to {most} answers"
    return Notice(
        f"{model} gives {gives} to a request: sending {math.ceil(wanted / most)} at once",
        hint=f"/n {wanted} tries it in one request again",
    )


def _omission_notices(plan: Plan, target: Target | None) -> Iterator[Notice]:
    """Tell which turns stay behind; ``target``: where several are asked, for which of them."""
    if not plan.omitted_turns:
        return
    whose = "" if target is None else f" for {target.model}"
    many = f"the oldest {plan.omitted_turns} turns no longer fit{whose} and are not sent"
    one = f"the oldest turn no longer fits{whose} and is not sent"
    text = one if plan.omitted_turns == 1 else many
    larger = "the model's window is only guessed: /budget N if it is larger"
    hint = larger if plan.limits.is_guessed else "/context shows all"
    yield Notice(text, Level.WARNING, hint=hint)
