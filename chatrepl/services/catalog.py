"""Windows and prices of models, from the data that genai-prices ships; never online."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from chatrepl.core.ports import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

__all__ = ["PriceCatalog"]

_TUNED = "ft:"
_OPEN_WEIGHTS = "gpt-oss"


class PriceCatalog:
    """Implements the core's ``Catalog``. The data takes 40 ms to load once the SDK is there."""

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
        found = _find(model)
        vendor, slash, name = model.rpartition("/")
        if found is None or name.startswith(_OPEN_WEIGHTS) or (slash and vendor != found[0]):
            return None
        info = found[1]
        if not info.prices:
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
