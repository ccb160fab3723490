"""How long an answer took, kept with it."""

from collections.abc import Mapping

from chatrepl.core.messages import Json, Message

__all__ = ["AT_ONCE_S", "TIMING_FIELD", "speed", "tell_timing", "times_of", "timing"]

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


def tell_timing(answer: Message) -> list[tuple[str, str]]:
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
