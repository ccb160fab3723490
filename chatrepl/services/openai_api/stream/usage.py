"""What a server says that a response used: the counts that this program knows, and all of it."""

import math

from chatrepl.core.messages import Json, Usage
from chatrepl.core.text.surrogates import whole_text

__all__ = ["count_of", "field_of", "first_count", "read_usage", "usage_as_sent"]

_DEEPEST = 4
_MOST_FIELDS = 64
_LONGEST_CHARS = 200


def count_of(value: object) -> int | None:
    """Return a count that a database can hold; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # More does not fit a column of a database, and is no count of anything.
    return value if type(value) is int and 0 <= value < 2**53 else None


def first_count(*values: object) -> int | None:
    """Return the first of the values that is a count."""
    counts = map(count_of, values)
    return next((count for count in counts if count is not None), None)


def field_of(value: object, name: str) -> object:
    """Return a field, if the value is an object that has it."""
    return value.get(name) if isinstance(value, dict) else None


def read_usage(usage: dict[str, object]) -> Usage:
    """Read the counts, wherever servers put them."""
    prompt = usage.get("prompt_tokens_details")
    completion = usage.get("completion_tokens_details")
    return Usage(
        prompt_tokens=count_of(usage.get("prompt_tokens")),
        completion_tokens=count_of(usage.get("completion_tokens")),
        cached_tokens=first_count(
            field_of(prompt, "cached_tokens"), usage.get("prompt_cache_hit_tokens")
        ),
        reasoning_tokens=first_count(
            field_of(completion, "reasoning_tokens"), usage.get("reasoning_tokens")
        ),
    )


def usage_as_sent(usage: dict[str, object]) -> dict[str, Json]:
    """Return the object as the server sent it, less what JSON or good sense cannot hold."""
    kept = _kept(usage, _DEEPEST)
    return kept if isinstance(kept, dict) else {}


def _kept(value: object, deepest: int) -> Json:
    match value:
        case dict() if deepest:
            items = list(value.items())[:_MOST_FIELDS]
            return {
                whole_text(str(key))[:_LONGEST_CHARS]: _kept(item, deepest - 1)
                for key, item in items
            }
        case list() if deepest:
            return [_kept(item, deepest - 1) for item in value[:_MOST_FIELDS]]
        case str():
            return whole_text(value)[:_LONGEST_CHARS]
        case bool():
            return value
        case int() if abs(value) < 2**53:
            return value
        case float() if math.isfinite(value):
            return value
        case _:
            return None
