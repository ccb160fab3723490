"""How long an answer took, kept with it."""

from collections.abc import Mapping

from chatrepl.core.events import AnswerEnded
from chatrepl.core.messages import Json, Message
from chatrepl.core.usage import COST_FIELD

__all__ = [
    "AT_ONCE_S",
    "TIMING_FIELD",
    "cost_of",
    "describe_timing",
    "dollars",
    "format_figures",
    "speed",
    "times_of",
    "timing",
    "with_cost",
]

TIMING_FIELD = "timing"
AT_ONCE_S = 0.1
"""What streamed for no longer came at once: its speed would say nothing."""


def timing(elapsed_s: float, first_text_s: float | None) -> Mapping[str, Json]:
    """Return the field that an answer keeps: from the request to its end, and to the first text."""
    first = None if first_text_s is None else round(first_text_s, 3)
    return {TIMING_FIELD: {"elapsed_s": round(elapsed_s, 3), "first_text_s": first}}


def times_of(answer: Message) -> tuple[float | None, float | None]:
    """Return the seconds until an answer's first text and its end, as far as they are known."""
    kept = answer.extra.get(TIMING_FIELD)
    if not isinstance(kept, dict):
        return None, None
    first_s, elapsed_s = kept.get("first_text_s"), kept.get("elapsed_s")
    return (
        float(first_s) if isinstance(first_s, int | float) else None,
        float(elapsed_s) if isinstance(elapsed_s, int | float) else None,
    )


def speed(answer: Message) -> float | None:
    """Return an answer's tokens a second while it streamed, where that is known."""
    first_s, elapsed_s = times_of(answer)
    tokens = answer.usage.completion_tokens if answer.usage else None
    if elapsed_s is None or tokens is None:
        return None
    # The first token comes with the first text; the rest is what streams.
    streamed_s = elapsed_s - (first_s or 0)
    return (tokens - 1) / streamed_s if tokens > 1 and streamed_s > AT_ONCE_S else None


def describe_timing(answer: Message) -> list[tuple[str, str]]:
    """Say in rows how fast an answer came, as far as that is known."""
    first_s, elapsed_s = times_of(answer)
    rows: list[tuple[str, str]] = []
    if first_s is not None:
        rows.append(("first text", f"after {first_s:.2f} s"))
    if elapsed_s is not None:
        rows.append(("whole answer", f"after {elapsed_s:.2f} s"))
    tokens_a_second = speed(answer)
    if tokens_a_second is not None:
        rows.append(("speed", f"{tokens_a_second:.1f} tokens a second"))
    return rows


_LEAST_SHOWN_USD = 1e-7


def cost_of(message: Message) -> float | None:
    """Return what a message cost in dollars; None: not known."""
    cost = message.extra.get(COST_FIELD)
    return float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) else None


def dollars(amount: float) -> str:
    """Write an amount with as many digits as it takes to say something."""
    if amount >= 1 or not amount:
        return f"${amount:,.2f}"
    if amount < _LEAST_SHOWN_USD:
        return f"< ${_LEAST_SHOWN_USD:.7f}"
    return f"${amount:.4g}" if amount >= 0.001 else f"${amount:.7f}".rstrip("0")


def with_cost(extra: Mapping[str, Json], cost: float | None) -> Mapping[str, Json]:
    """Add a cost to a message's further fields, where it is known."""
    return extra if cost is None else {**extra, COST_FIELD: cost}


def format_figures(ended: AnswerEnded) -> list[str]:
    """Say in a few words each: time to the first text, tokens a second, tokens, dollars.

    What is not known is left out; ``≈`` marks what is estimated.
    """
    told: list[str] = []
    first_s = ended.first_text_s
    if first_s is not None:
        told.append(f"{first_s:.2f} s to first")
    mark = "≈" if ended.is_estimate else ""
    tokens = ended.tokens or 0
    streamed_s = ended.elapsed_s - (first_s or 0.0)
    # The first token comes with the first text; the rest is what streams.
    if tokens > 1 and streamed_s > AT_ONCE_S:
        speed = (tokens - 1) / streamed_s
        told.append(f"{mark}{speed:,.{0 if speed >= 100 else 1}f} tokens/s")
    if tokens:
        told.append(f"{mark}{tokens:,} {'token' if tokens == 1 else 'tokens'}")
    cost = cost_of(ended.message)
    if cost is not None:
        told.append(dollars(cost))
    return told or [f"{ended.elapsed_s:.2f} s"]
