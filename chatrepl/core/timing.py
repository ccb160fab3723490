"""How long an answer took, kept with it."""

from collections.abc import Mapping

from chatrepl.core.messages import Json, Message

__all__ = ["TIMING_FIELD", "tell_timing", "timing"]

TIMING_FIELD = "timing"


def timing(elapsed_s: float, first_text_s: float | None) -> Mapping[str, Json]:
    """Return the field that an answer keeps: from the request to its end, and to the first text."""
    first = None if first_text_s is None else round(first_text_s, 3)
    return {TIMING_FIELD: {"elapsed_s": round(elapsed_s, 3), "first_text_s": first}}


def tell_timing(answer: Message) -> list[tuple[str, str]]:
    """Say in rows how fast an answer came, as far as that is known."""
    kept = answer.extra.get(TIMING_FIELD)
    if not isinstance(kept, dict):
        return []
    elapsed_s, first_s = kept.get("elapsed_s"), kept.get("first_text_s")
    rows: list[tuple[str, str]] = []
    if isinstance(first_s, int | float):
        rows.append(("first text", f"after {first_s:.2f} s"))
    if not isinstance(elapsed_s, int | float):
        return rows
    rows.append(("whole answer", f"after {elapsed_s:.2f} s"))
    tokens = answer.usage.completion_tokens if answer.usage else None
    streamed_s = elapsed_s - (first_s if isinstance(first_s, int | float) else 0)
    # The first token comes with the first text; the rest is what streams.
    if tokens is not None and tokens > 1 and streamed_s > 0:
        rows.append(("speed", f"{(tokens - 1) / streamed_s:.1f} tokens a second"))
    return rows
