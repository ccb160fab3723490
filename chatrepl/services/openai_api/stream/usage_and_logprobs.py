"""Readers of two fields of a response: ``usage``, and a choice's ``logprobs``. No I/O."""

import math

from chatrepl.core.events import TokenScore
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Usage
from chatrepl.core.text.surrogates import valid_text
from chatrepl.services.openai_api.json_fields import count_of, field_of, first_count, list_of

_USAGE_DEPTH = 4
_USAGE_FIELDS = 64
_USAGE_TEXT_CHARS = 200
"""Bounds of a usage object that is stored as the server sent it."""

_LEAST_LOGPROB = -9999.0
"""OpenAI's figure for an all but impossible token; other servers send minus infinity."""
_MOST_TOKEN_BYTES = 1024


def read_usage(usage: dict[str, object]) -> Usage:
    """Read the token counts, wherever servers put them."""
    prompt = usage.get("prompt_tokens_details")
    completion = usage.get("completion_tokens_details")
    return Usage(
        prompt_tokens=count_of(usage.get("prompt_tokens")),
        completion_tokens=count_of(usage.get("completion_tokens")),
        # OpenAI; DeepSeek.
        cached_tokens=first_count(
            field_of(prompt, "cached_tokens"), usage.get("prompt_cache_hit_tokens")
        ),
        # OpenAI; servers that put it beside the other counts.
        reasoning_tokens=first_count(
            field_of(completion, "reasoning_tokens"), usage.get("reasoning_tokens")
        ),
    )


def usage_as_sent(value: dict[str, object], depth: int = _USAGE_DEPTH) -> dict[str, Json]:
    """Copy a usage object without what is too deep, too long, or not JSON."""
    return {
        valid_text(str(key))[:_USAGE_TEXT_CHARS]: _bounded(item, depth - 1)
        for key, item in list(value.items())[:_USAGE_FIELDS]
    }


def _bounded(value: object, depth: int) -> Json:
    match value:
        case dict() if depth:
            return usage_as_sent(value, depth)
        case list() if depth:
            return [_bounded(item, depth - 1) for item in value[:_USAGE_FIELDS]]
        case str():
            return valid_text(value)[:_USAGE_TEXT_CHARS]
        case bool():
            return value
        case int() if abs(value) < 2**53:
            return value
        case float() if math.isfinite(value):
            return value
        case _:
            return None


def read_scores(logprobs: object) -> tuple[TokenScore, ...]:
    """Read the scores of a chunk's tokens, or of a whole answer's; malformed ones are left out.

    OpenAI, vLLM, SGLang and llama.cpp send ``{"content": [...], "refusal": [...]}``.
    """
    rows = [*list_of(field_of(logprobs, "content")), *list_of(field_of(logprobs, "refusal"))]
    scores = (_score(row) for row in rows)
    return tuple(score for score in scores if score is not None)


def _score(row: object) -> TokenScore | None:
    pair = _token_and_logprob(row)
    if pair is None:
        return None
    others = map(_token_and_logprob, list_of(field_of(row, "top_logprobs")))
    alternatives = tuple(other for other in others if other is not None)
    return TokenScore(*pair, _bytes(field_of(row, "bytes")), alternatives)


def _token_and_logprob(row: object) -> tuple[str, float] | None:
    token, logprob = field_of(row, "token"), _logprob(field_of(row, "logprob"))
    if not isinstance(token, str) or logprob is None:
        return None
    # A lone surrogate could be neither stored nor shown.
    return token.encode("utf-8", "replace").decode(), logprob


def _logprob(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return min(0.0, max(_LEAST_LOGPROB, float(value)))


def _bytes(value: object) -> bytes | None:
    numbers = list_of(value)
    if not numbers or len(numbers) > _MOST_TOKEN_BYTES:
        return None
    if not all(type(number) is int and 0 <= number < 256 for number in numbers):
        return None
    return bytes(number for number in numbers if isinstance(number, int))
