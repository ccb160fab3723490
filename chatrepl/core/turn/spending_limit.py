"""The daily spending limit, and what answers cost by the price list, in US dollars."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from chatrepl.core.conversation.metadata import Spent, dollars, sum_by_model
from chatrepl.core.errors import StoreError, UsageError
from chatrepl.core.events import Level, Notice
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, Usage
from chatrepl.core.ports.chat_model import Catalog
from chatrepl.core.ports.storage import Store
from chatrepl.core.ports.system import Clock, Person
from chatrepl.core.servers.target import Target


async def spent_since(stores: Sequence[Store], since: datetime) -> Spent:
    """Add up the usage since a moment, over a session's stores.

    The first store must be readable (``StoreError``); what cannot be read of others is left out.
    """
    first, *others = stores
    found = list(await first.usage(since))
    for store in others:
        # A run that stays off the disk goes on where the disk cannot be read.
        with suppress(StoreError):
            found.extend(await store.usage(since))
    return sum_by_model(found)


def beginning_of_day(now: datetime) -> datetime:
    """Return the beginning of the day where the user is."""
    return now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


def beginning_of_month(now: datetime) -> datetime:
    """Return the beginning of the month where the user is."""
    return beginning_of_day(now).replace(day=1)


async def price_of(catalog: Catalog, target: Target, answer: Message) -> float | None:
    """Return what an answer cost in dollars; None: its usage or its price is not known."""
    if answer.usage is None:
        return None
    if target.server.is_local:
        return 0.0
    await catalog.prepare()
    for model in (answer.model, target.model):
        cost = catalog.cost(model, answer.usage) if model else None
        if cost is not None:
            return cost
    return None


class SpendingLimit:
    """Asks the person before a day's costs go over the limit that the user set."""

    def __init__(self, catalog: Catalog, clock: Clock, person: Person) -> None:
        self._catalog = catalog
        self._clock = clock
        self._person = person
        self._allowed_usd = 0.0
        self._allowed_day: datetime | None = None
        self._reported_unpriced: set[str] = set()

    async def check(
        self, limit_usd: Json, requests: Sequence[tuple[Target, Usage]], stores: Sequence[Store]
    ) -> list[Notice]:
        """Ask where a turn may go over the limit; no is a ``UsageError``.

        ``limit_usd`` is the setting's value: anything but a number sets no limit. Each request is
        to a target and uses so much at the most: the dearest case counts, of answers that fill
        what is reserved for them. ``stores`` tell what was spent today. Returns a notice for each
        model whose price is not known, once a run.
        """
        if not isinstance(limit_usd, int | float) or isinstance(limit_usd, bool):
            return []
        await self._catalog.prepare()
        priced = [
            (target, 0.0 if target.server.is_local else self._catalog.cost(target.model, most))
            for target, most in requests
        ]
        unpriced = [target.model for target, cost in priced if cost is None]
        notices = [*self._unpriced_notices(unpriced)]
        dearest = sum(cost for _, cost in priced if cost is not None)
        day = beginning_of_day(self._clock.now())
        spent = (await spent_since(stores, day)).cost_usd
        allowed = self._allowed_usd if day == self._allowed_day else 0.0
        if not dearest or spent + dearest <= max(float(limit_usd), allowed):
            return notices
        limit = dollars(float(limit_usd))
        if not await self._person.confirm(
            f"{dollars(spent)} today + {dollars(dearest)} may pass the {limit} limit: send?"
        ):
            raise UsageError(
                f"not sent: it may go over the spending limit of {limit} a day "
                f"({dollars(spent)} spent, up to {dollars(dearest)} for this)",
                "/set spending_limit DOLLARS, or default, changes it",
            )
        # As much again may be spent on this day before the next question.
        self._allowed_usd, self._allowed_day = spent + dearest + float(limit_usd), day
        return notices

    def _unpriced_notices(self, models: Sequence[str]) -> Iterator[Notice]:
        for model in models:
            if model not in self._reported_unpriced:
                self._reported_unpriced.add(model)
                yield Notice(
                    f"the price of {model} is not known: the spending limit cannot hold for it",
                    Level.WARNING,
                    hint='[prices."MODEL"] in the configuration sets prompt and completion',
                )
