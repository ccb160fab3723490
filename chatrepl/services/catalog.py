"""Windows and prices of models, from the data that genai-prices ships; never online."""

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING

from chatrepl.core.ports import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

__all__ = ["PriceCatalog"]


class PriceCatalog:
    """Implements the core's ``Catalog``. The data takes a third of a second to load."""

    async def prepare(self) -> None:
        """Load the data in a thread; at once when it is loaded already."""
        await asyncio.to_thread(_find, "")

    def context_window(self, model: str) -> int | None:
        """Return a model's window in tokens, or None where it is not known."""
        found = _find(model)
        return found.context_window if found else None

    def price(self, model: str) -> Price | None:
        """Return a model's price now; None where it is not known or is not one number."""
        from genai_prices.types import ModelPrice

        found = _find(model)
        if found is None or not isinstance(found.prices, ModelPrice):
            return None
        prompt, completion = found.prices.input_mtok, found.prices.output_mtok
        if not _is_plain(prompt) or not _is_plain(completion):
            return None
        cached = found.prices.cache_read_mtok
        return Price(
            float(str(prompt)),
            float(str(completion)),
            float(str(cached)) if _is_plain(cached) else None,
        )


def _is_plain(price: object) -> bool:
    """Tell one number from none, and from prices in tiers."""
    try:
        float(str(price))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def _find(model: str) -> "ModelInfo | None":
    """Look a model up by its name, then by its name without a vendor's prefix."""
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    for name in (model, model.rpartition("/")[2]):
        try:
            return snapshot.find_provider_model(name, None, None, None)[1]
        except LookupError:
            continue
    return None
