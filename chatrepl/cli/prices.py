"""Prices that the configuration sets: ``[prices."MODEL"]``, in dollars per million tokens."""

from collections.abc import Mapping

from chatrepl.core.errors import UsageError
from chatrepl.core.messages import Json
from chatrepl.core.ports.storage import Price
from chatrepl.core.text.quoting import nearest
from chatrepl.services.files.configuration import Configuration

__all__ = ["PRICES", "own_prices"]

PRICES = "prices"
_FIELDS = ("prompt", "completion", "cached", "reasoning")


def own_prices(configuration: Configuration) -> Mapping[str, Price]:
    """Return the prices by model. Raises ``UsageError`` that names file and line."""
    table = configuration.values.get(PRICES, {})
    if not isinstance(table, dict):
        raise UsageError(
            f"{_where(configuration, PRICES)}: prices is not a table", 'write [prices."MODEL"]'
        )
    return {model: _price(configuration, model, fields) for model, fields in table.items()}


def _price(configuration: Configuration, model: str, fields: Json) -> Price:
    where = _where(configuration, PRICES, model)
    if not isinstance(fields, dict):
        raise UsageError(f"{where}: prices.{model} is not a table", f'write [prices."{model}"]')
    for name, amount in fields.items():
        place = _where(configuration, PRICES, model, name)
        if name not in _FIELDS:
            raise UsageError(
                f"{place}: unknown key “{name}”",
                nearest(name, _FIELDS) or "the known ones: " + ", ".join(_FIELDS),
            )
        if not isinstance(amount, int | float) or isinstance(amount, bool) or not 0 <= amount < 1e9:
            raise UsageError(f"{place}: {name} is not a number of dollars per million tokens")
    numbers = {name: float(str(amount)) for name, amount in fields.items()}
    for name in ("prompt", "completion"):
        if name not in numbers:
            raise UsageError(f"{where}: {name} is missing", "dollars per million tokens")
    return Price(
        numbers["prompt"], numbers["completion"], numbers.get("cached"), numbers.get("reasoning")
    )


def _where(configuration: Configuration, *key: str) -> str:
    line = configuration.lines.get(key)
    return f"{configuration.path}, line {line}" if line else str(configuration.path)
