"""What answers cost: dollars as the price list says, or nothing where it says nothing."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from chatrepl.core.conversation.metadata import Spent, dollars, sum_by_model
from chatrepl.core.errors import StoreError, UsageError
from chatrepl.core.events import Level, Notice
from chatrepl.core.messages import Message, Usage
from chatrepl.core.servers.target import Target

if TYPE_CHECKING:
    from chatrepl.core.sessions.state import SessionState

__all__ = [
    "Spending",
    "beginning_of_day",
    "beginning_of_month",
    "spent_since",
]


async def spent_since(session: "SessionState", since: datetime) -> Spent:
    """Add up what was used from a moment on, in what is saved and in what is not."""
    found = list(await session.ports.store.usage(since))
    if session.disk_store is not None:
        # A run that keeps off the disk goes on where the disk cannot be read.
        with suppress(StoreError):
            found.extend(await session.disk_store.usage(since))
    return sum_by_model(found)


def beginning_of_day(now: datetime) -> datetime:
    """Return the beginning of the day where the user is."""
    return now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


def beginning_of_month(now: datetime) -> datetime:
    """Return the beginning of the month where the user is."""
    return beginning_of_day(now).replace(day=1)


class Spending:
    """Asks before a day's costs go over the limit that the user set."""

    def __init__(self, session: "SessionState") -> None:
        self._session = session
        self._allowed_usd = 0.0
        self._allowed_day: datetime | None = None
        self._told_unpriced: set[str] = set()

    async def check(self, requests: Sequence[tuple[Target, Usage]]) -> list[Notice]:
        """Ask, where a turn may go over the limit; no is a ``UsageError``.

        Each of its requests is to a target, and uses so much at the most: the dearest counts, of
        answers that fill what is reserved for them. Models whose price is not known are told of
        once, in the notices.
        """
        limit = self._session.settings.get("spending_limit")
        if not isinstance(limit, int | float) or isinstance(limit, bool):
            return []
        ports = self._session.ports
        await ports.catalog.prepare()
        priced = [
            (target, 0.0 if target.server.is_local else ports.catalog.cost(target.model, most))
            for target, most in requests
        ]
        notices = [self._unpriced(target.model) for target, cost in priced if cost is None]
        told = [notice for notice in notices if notice is not None]
        dearest = sum(cost for _, cost in priced if cost is not None)
        day = beginning_of_day(ports.clock.now())
        spent = (await spent_since(self._session, day)).cost_usd
        allowed = self._allowed_usd if day == self._allowed_day else 0.0
        if not dearest or spent + dearest <= max(float(limit), allowed):
            return told
        if not await ports.person.confirm(
            f"{dollars(spent)} today + {dollars(dearest)} may pass "
            f"the {dollars(float(limit))} limit: send?"
        ):
            raise UsageError(
                f"not sent: it may go over the spending limit of {dollars(float(limit))} a day "
                f"({dollars(spent)} spent, up to {dollars(dearest)} for this)",
                "/set spending_limit DOLLARS, or default, changes it",
            )
        # As much again may be spent on this day before the next question.
        self._allowed_usd, self._allowed_day = spent + dearest + float(limit), day
        return told

    async def cost(self, target: Target, message: Message) -> float | None:
        """Return what an answer cost in dollars; None: its price is not known."""
        if message.usage is None:
            return None
        if target.server.is_local:
            return 0.0
        catalog = self._session.ports.catalog
        await catalog.prepare()
        for model in (message.model, target.model):
            cost = catalog.cost(model, message.usage) if model else None
            if cost is not None:
                return cost
        return None

    def _unpriced(self, model: str) -> Notice | None:
        if model in self._told_unpriced:
            return None
        self._told_unpriced.add(model)
        return Notice(
            f"the price of {model} is not known: the spending limit cannot hold for it",
            Level.WARNING,
            hint='[prices."MODEL"] in the configuration sets prompt and completion',
        )
