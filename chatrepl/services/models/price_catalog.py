"""Context windows and prices of models, from the data in the package genai-prices; no network."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from chatrepl.core.messages import Usage
from chatrepl.core.ports.chat_model import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo


_TUNED = "ft:"
_OPEN_WEIGHTS = "gpt-oss"


class PriceCatalog:
    """Implements the core's ``Catalog`` port. The data is loaded lazily, in 40 ms.

    ``own`` prices, by a model's whole name, replace those of the data.
    """

    def __init__(self, own: Mapping[str, Price] | None = None) -> None:
        self._own = own or {}

    async def prepare(self) -> None:
        """Load the data in a thread, unless it is loaded already."""
        await asyncio.to_thread(_find, "")

    def context_window(self, model: str) -> int | None:
        """Return a model's context window in tokens, or None if it is unknown.

        A fine-tuned model has the window of its base model.
        """
        tuned = model.removeprefix(_TUNED).partition(":")[0] if model.startswith(_TUNED) else model
        found = _find(tuned)
        return found[1].context_window if found else None

    def price(self, model: str) -> Price | None:
        """Return today's price at the model's vendor, or None if it is unknown.

        None, too, for prices in tiers by the prompt's length, for open weights, which anyone may
        serve, and for a model under another vendor's name (``someone/model``).
        """
        if model in self._own:
            return self._own[model]
        info = _vendors_model(model)
        if info is None:
            return None
        now = info.get_prices(datetime.now(UTC))
        prompt, completion, cached = now.input_mtok, now.output_mtok, now.cache_read_mtok
        if not isinstance(prompt, Decimal) or not isinstance(completion, Decimal):
            return None
        return Price(
            float(prompt),
            float(completion),
            float(cached) if isinstance(cached, Decimal) else None,
        )

    def cost(self, model: str, usage: Usage) -> float | None:
        """Return the cost of an answer in US dollars at today's price, or None if it is unknown.

        Prices in tiers by the prompt's length are applied, too.
        """
        if model in self._own:
            return _linear(self._own[model], usage)
        found = _find(model)
        if found is None or _vendors_model(model) is None:
            return None
        from genai_prices.data_snapshot import get_snapshot
        from genai_prices.types import Usage as Priced

        priced = Priced(
            input_tokens=usage.prompt_tokens or 0,
            cache_read_tokens=min(usage.cached_tokens or 0, usage.prompt_tokens or 0),
            output_tokens=usage.completion_tokens or 0,
        )
        try:
            calculation = get_snapshot().calc(
                priced, model.rpartition("/")[2], found[0], None, None, None
            )
        except (LookupError, ValueError):
            return None
        return float(calculation.total_price)


def _linear(price: Price, usage: Usage) -> float:
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    cached = min(usage.cached_tokens or 0, prompt)
    thinking = min(usage.reasoning_tokens or 0, completion)
    return (
        (prompt - cached) * price.prompt
        + cached * (price.prompt if price.cached is None else price.cached)
        + (completion - thinking) * price.completion
        + thinking * (price.completion if price.reasoning is None else price.reasoning)
    ) / 1_000_000


def _vendors_model(model: str) -> "ModelInfo | None":
    """Return a model that its own vendor sells; None if its price would be a guess."""
    found = _find(model)
    vendor, slash, name = model.rpartition("/")
    if found is None or name.startswith(_OPEN_WEIGHTS) or (slash and vendor != found[0]):
        return None
    return found[1] if found[1].prices else None


@lru_cache(maxsize=256)
def _find(model: str) -> "tuple[str, ModelInfo] | None":
    """Find a model by its name without a vendor's prefix; return its vendor's id and its data.

    The data matches names by prefix, and so would ignore a tag (``deepseek-r1:8b``), which means
    another model or another price: a name with a tag is unknown.
    """
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    name = model.rpartition("/")[2]
    if ":" in name and not name.startswith(_TUNED):
        return None
    maker = "openai" if name.startswith(("chatgpt-", _TUNED)) else None
    try:
        provider, info = snapshot.find_provider_model(name, None, maker, None)
    except LookupError:
        return None
    return provider.id, info
