"""Windows and prices of models, from the data that genai-prices ships; never online."""

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

__all__ = ["PriceCatalog"]

_TUNED = "ft:"
_OPEN_WEIGHTS = "gpt-oss"


class PriceCatalog:
    """Implements the core's ``Catalog``. The data takes 40 ms to load once the SDK is there.

    ``own`` prices, by a model's whole name, stand in place of the data's.
    """

    def __init__(self, own: Mapping[str, Price] | None = None) -> None:
        self._own = own or {}

    async def prepare(self) -> None:
        """Load the data in a thread; at once when it is loaded already."""
        await asyncio.to_thread(_find, "")

    def context_window(self, model: str) -> int | None:
        """Return a model's window in tokens, or None where it is not known.

        A fine-tuned model has the window of the one it was made from.
        """
        tuned = model.removeprefix(_TUNED).partition(":")[0] if model.startswith(_TUNED) else model
        found = _find(tuned)
        return found[1].context_window if found else None

    def price(self, model: str) -> Price | None:
        """Return what the model's maker asks for it now, or None.

        None too where the maker's price says nothing: in tiers by the length of the prompt, for
        weights that anybody may serve, and for a name under another's (``someone/model``).
        """
        if model in self._own:
            return self._own[model]
        info = _made_by_its_maker(model)
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
        """Return what an answer costs in dollars, by today's price; None: it is not known.

        Prices in tiers by the length of the prompt count, too.
        """
        if model in self._own:
            return _linear(self._own[model], usage)
        found = _find(model)
        if found is None or _made_by_its_maker(model) is None:
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


def _made_by_its_maker(model: str) -> "ModelInfo | None":
    """Return a model that its maker serves for a price; None: what it costs would be a guess."""
    found = _find(model)
    vendor, slash, name = model.rpartition("/")
    if found is None or name.startswith(_OPEN_WEIGHTS) or (slash and vendor != found[0]):
        return None
    return found[1] if found[1].prices else None


@lru_cache(maxsize=256)
def _find(model: str) -> "tuple[str, ModelInfo] | None":
    """Look a model up by its name without a vendor's prefix; return who makes it, and what it is.

    The data recognises names by their beginnings: a tag (``deepseek-r1:8b``), which names another
    model or another price, would go unnoticed.
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
