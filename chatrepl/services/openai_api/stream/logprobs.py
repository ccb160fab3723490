"""How sure a model was of its tokens, as a choice's ``logprobs`` say. Nothing is taken on trust."""

import math

from chatrepl.core.events import TokenScore

__all__ = ["read_scores"]

_LEAST_LOGPROB = -9999.0
"""OpenAI's own figure for what is all but impossible; other servers send minus infinity."""

_MOST_TOKEN_BYTES = 1024


def read_scores(logprobs: object) -> tuple[TokenScore, ...]:
    """Read the scores of a chunk's tokens, or of a whole answer's; what is malformed is left out.

    OpenAI, vLLM, SGLang and llama.cpp send them alike: ``{"content": [...], "refusal": [...]}``.
    """
    if not isinstance(logprobs, dict):
        return ()
    rows = [*_list(logprobs.get("content")), *_list(logprobs.get("refusal"))]
    scores = (_score(row) for row in rows)
    return tuple(score for score in scores if score is not None)


def _score(row: object) -> TokenScore | None:
    if not isinstance(row, dict):
        return None
    token, logprob = row.get("token"), _logarithm(row.get("logprob"))
    if not isinstance(token, str) or logprob is None:
        return None
    others = tuple(
        (_text(other), logarithm)
        for other in _list(row.get("top_logprobs"))
        if isinstance(other, dict)
        and isinstance(other.get("token"), str)
        and (logarithm := _logarithm(other.get("logprob"))) is not None
    )
    return TokenScore(_text(row), logprob, _bytes(row.get("bytes")), others)


def _text(row: dict[str, object]) -> str:
    # A lone half of a surrogate pair could neither be kept nor shown.
    return str(row.get("token")).encode("utf-8", "replace").decode()


def _logarithm(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return min(0.0, max(_LEAST_LOGPROB, float(value)))


def _bytes(value: object) -> bytes | None:
    numbers = _list(value)
    if not numbers or len(numbers) > _MOST_TOKEN_BYTES:
        return None
    if not all(type(number) is int and 0 <= number < 256 for number in numbers):
        return None
    return bytes(number for number in numbers if isinstance(number, int))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
