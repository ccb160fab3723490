"""Checks between a message and its request: the server's own count, what no longer fits, costs."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chatrepl.core.context.fitting import Plan
from chatrepl.core.errors import ChatreplError
from chatrepl.core.events import Level, Notice
from chatrepl.core.messages import Message
from chatrepl.core.ports.chat_model import ChatRequest
from chatrepl.core.servers.target import Candidate, Target
from chatrepl.core.sessions.state import SessionState
from chatrepl.core.settings.layers import Settings
from chatrepl.core.turn.compaction import Compaction
from chatrepl.core.turn.event_queue import EventQueue
from chatrepl.core.turn.spending_limit import SpendingLimit

if TYPE_CHECKING:
    from chatrepl.core.conversation.tree import Conversation


_MOST_COUNTS = 4


class Preflight:
    """Makes the plan of a request final. Asks, where settings say so, before anything is sent."""

    def __init__(self, session: SessionState, spending: SpendingLimit) -> None:
        self._session = session
        self.spending = spending
        self._declined: Conversation | None = None
        """The conversation that the person does not want to be summarised."""
        self._reported_estimates: set[str] = set()

    async def check(self, candidate: Candidate, question: Message) -> None:
        """Raise ``MessageTooLarge`` where a message cannot fit, before it is accepted."""
        target, settings = candidate.target, candidate.settings
        plan = self._plan(target, question, settings)
        if not plan.fits:
            plan = await self.confirmed(target, plan, question, settings)
        self._session.planner.check_fits(target, plan)

    async def run(self, candidate: Candidate, events: EventQueue, *, is_only: bool = True) -> Plan:
        """Return the plan to send; progress and notices go to ``events``.

        Where several models are asked, nothing is summarised for one of them: others may have
        room for all. Raises ``MessageTooLarge``.
        """
        target, settings = candidate.target, candidate.settings
        plan = await self.confirmed(target, self._plan(target, None, settings), None, settings)
        if is_only and plan.fits and plan.omitted_turns and await self._wants_summary(plan):
            await self._summarise(target, events)
            plan = await self.confirmed(target, self._plan(target))
        self._session.planner.check_fits(target, plan)
        return plan

    def plan_next(self, candidate: Candidate, question: Message | None = None) -> Plan:
        """Plan what goes with the next message, which may not be known yet.

        The newest turn need not go with that; without an answer it is itself what is sent.
        """
        path = self._session.conversation.path
        is_open = question is not None or not path or path[-1].role == "user"
        return self._plan(candidate.target, question, candidate.settings, newest_goes=is_open)

    async def next_request(
        self, candidate: Candidate, question: Message | None = None
    ) -> tuple[Plan, ChatRequest]:
        """Write what would be sent now, or with a further question, to a candidate."""
        planner, target, settings = self._session.planner, candidate.target, candidate.settings
        await planner.prepare(settings, target.model)
        plan = self.plan_next(candidate, question)
        plan = await self.confirmed(target, plan, question, settings)
        most = min(candidate.answers, planner.most_answers(target) or candidate.answers)
        return plan, planner.request(settings, target, plan, most)

    async def confirmed(
        self,
        target: Target,
        plan: Plan,
        question: Message | None = None,
        settings: Settings | None = None,
        *,
        is_idle: bool = False,
    ) -> Plan:
        """Fit the plan to what the server knows better: its window, and its own count.

        The window is asked for where it was only guessed and decides something, the count where
        the server gives it at once. ``is_idle``: nobody waits for the plan, so only a count is
        asked for.
        """

        def plan_again() -> Plan:
            goes = plan.contents.newest_goes
            return self._plan(target, question, settings, newest_goes=goes)

        session, planner, server = self._session, self._session.planner, target.server
        if not is_idle and _depends_on_guess(plan) and await session.servers.query_window(server):
            plan = plan_again()
        calibration = planner.calibration(target)
        if not server.base_url or not (server.is_local or calibration.counts_itself):
            return plan
        for _ in range(_MOST_COUNTS):
            if plan.is_reported and not plan.new_messages:
                return plan
            request = planner.request(settings or session.settings, target, plan)
            tokens = await session.ports.model.count_tokens(request)
            calibration.counts_itself = tokens is not None
            if tokens is None:
                return plan
            planner.record_count(target, plan, tokens)
            plan = plan_again()
        return plan

    def _plan(
        self,
        target: Target,
        question: Message | None = None,
        settings: Settings | None = None,
        *,
        newest_goes: bool = True,
    ) -> Plan:
        session = self._session
        return session.planner.plan(
            settings or session.settings,
            target,
            session.conversation,
            question,
            newest_goes=newest_goes,
        )

    async def _wants_summary(self, plan: Plan) -> bool:
        """Return whether to summarise what is left out; asked once for a conversation."""
        session = self._session
        on_overflow = session.settings.text("on_overflow")
        if on_overflow != "ask":
            return on_overflow == "compact"
        if self._declined is session.conversation:
            return False
        count = plan.omitted_turns
        many = f"the oldest {count:,} turns no longer fit: summarise them?"
        one = "the oldest turn no longer fits: summarise it?"
        if await session.ports.person.confirm(one if count == 1 else many):
            return True
        self._declined = session.conversation
        return False

    async def _summarise(self, target: Target, events: EventQueue) -> None:
        try:
            await Compaction(self._session, self.spending, target).run(events)
        except ChatreplError as error:
            events.put(
                Notice(
                    f"no summary: {error.message}; the oldest turns are left out instead",
                    Level.WARNING,
                    hint=error.hint,
                )
            )

    def estimate_notices(self, targets: Sequence[Target]) -> Iterator[Notice]:
        """Yield, once for each model and once for several, that token figures are estimates."""
        planner = self._session.planner
        # The built-in model's own server counts each request before it leaves.
        models = {
            target.model: planner.encoding(target.model)
            for target in targets
            if planner.is_estimate(target.model) and not target.server.is_local
        }
        unreported = [model for model in models if model not in self._reported_estimates]
        self._reported_estimates.update(unreported)
        if unreported:
            names, encoding = " and ".join(unreported), models[unreported[0]]
            is_one = len(unreported) == 1
            lack = f"vocabulary of {names} is" if is_one else f"vocabularies of {names} are"
            yield Notice(
                f"token figures are estimates (≈): the {lack} not known, {encoding} counts"
            )


def _depends_on_guess(plan: Plan) -> bool:
    """Return whether a window that is only guessed decides what goes."""
    return plan.limits.is_guessed and (plan.omitted_turns > 0 or not plan.fits)
