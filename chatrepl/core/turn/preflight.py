"""Between a message and its request: the server's own count, what no longer fits, what it costs."""

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
from chatrepl.core.turn.exchange import for_answers
from chatrepl.core.turn.spending_limit import SpendingLimit

if TYPE_CHECKING:
    from chatrepl.core.conversation.tree import Conversation

__all__ = ["Preflight"]

_MOST_COUNTS = 4


class Preflight:
    """Makes the plan of a request final. Asks, where settings say so, before anything is sent."""

    def __init__(self, session: SessionState, spending: SpendingLimit) -> None:
        self._session = session
        self.spending = spending
        self._declined: Conversation | None = None
        self._reported_estimates: set[str] = set()

    async def check(self, asked: Candidate, question: Message) -> None:
        """Raise ``MessageTooLarge`` where a message cannot fit, before it is accepted."""
        plan = self._plan(asked.target, question, asked.settings)
        if not plan.fits:
            plan = await self.confirmed(asked.target, plan, question, asked.settings)
        self._session.planner.check_fits(asked.target, plan)

    async def run(self, asked: Candidate, mailbox: EventQueue, *, is_only: bool = True) -> Plan:
        """Return the plan to send; the mailbox gets what there is to see.

        Where it is not the only model that is asked, nothing is summarised for it: others may have
        room for all. Raises ``MessageTooLarge``.
        """
        target, settings = asked.target, asked.settings
        plan = await self.confirmed(target, self._plan(target, None, settings), None, settings)
        if is_only and plan.fits and plan.omitted_turns and await self._wants_summary(plan):
            await self._summarise(target, mailbox)
            plan = await self.confirmed(target, self._plan(target))
        self._session.planner.check_fits(target, plan)
        return plan

    def plan_next(self, asked: Candidate, question: Message | None = None) -> Plan:
        """Plan what goes with the next message, which may not be known yet.

        Nothing says that the newest turn must go with that; without an answer it is what is sent.
        """
        path = self._session.conversation.path
        is_open = question is not None or not path or path[-1].role == "user"
        return self._plan(asked.target, question, asked.settings, newest_goes=is_open)

    async def next_request(
        self, asked: Candidate, question: Message | None = None
    ) -> tuple[Plan, ChatRequest]:
        """Write what would be sent now, or with a further question, to one of those asked."""
        planner, target, settings = self._session.planner, asked.target, asked.settings
        await planner.prepare(settings, target.model)
        plan = self.plan_next(asked, question)
        plan = await self.confirmed(target, plan, question, settings)
        most = min(asked.answers, planner.most_answers(target) or asked.answers)
        return plan, for_answers(planner.request(settings, target, plan), most)

    def estimate_notices(self, targets: Sequence[Target]) -> Iterator[Notice]:
        """Tell once for each model, and of several at once, that its figures are estimates."""
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

    async def confirmed(
        self,
        target: Target,
        plan: Plan,
        question: Message | None = None,
        settings: Settings | None = None,
        *,
        is_idle: bool = False,
    ) -> Plan:
        """Fit the plan to what the server knows better: its window, where that was only guessed.

        And its own count, where it gives that at once. ``is_idle``: nobody waits for the plan, so
        nothing but a count is asked for.
        """

        def anew() -> Plan:
            goes = plan.contents.newest_goes
            return self._plan(target, question, settings, newest_goes=goes)

        may_ask = not is_idle and _depends_on_guess(plan)
        if may_ask and await self._session.servers.query_window(target.server):
            plan = anew()
        planner, lessons = self._session.planner, self._session.planner.lessons(target)
        server = target.server
        if not server.base_url or not (server.is_local or lessons.counts_itself):
            return plan
        for _ in range(_MOST_COUNTS):
            if plan.is_reported and not plan.new_messages:
                return plan
            request = planner.request(settings or self._session.settings, target, plan)
            tokens = await self._session.ports.model.count_tokens(request)
            lessons.counts_itself = tokens is not None
            if tokens is None:
                return plan
            planner.record_count(target, plan, tokens)
            plan = anew()
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
        """Say whether what goes out is to be summarised; asked once for a conversation."""
        session = self._session
        how = session.settings.text("on_overflow")
        if how != "ask":
            return how == "compact"
        if self._declined is session.conversation:
            return False
        count = plan.omitted_turns
        many = f"the oldest {count:,} turns no longer fit: summarise them?"
        one = "the oldest turn no longer fits: summarise it?"
        if await session.ports.person.confirm(one if count == 1 else many):
            return True
        self._declined = session.conversation
        return False

    async def _summarise(self, target: Target, mailbox: EventQueue) -> None:
        try:
            async for event in Compaction(self._session, self.spending, target).run():
                mailbox.put(event)
        except ChatreplError as error:
            mailbox.put(
                Notice(
                    f"no summary: {error.message}; the oldest turns are left out instead",
                    Level.WARNING,
                    hint=error.hint,
                )
            )


def _depends_on_guess(plan: Plan) -> bool:
    """Say whether a window that is only guessed decides what goes."""
    return plan.limits.is_guessed and (plan.omitted_turns > 0 or not plan.fits)
