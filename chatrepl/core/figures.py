"""What stands under a compared answer: how fast it came, how long it is, what it cost."""

from chatrepl.core.conversation.metadata import AT_ONCE_S
from chatrepl.core.events import AnswerEnded
from chatrepl.core.turn.spending_limit import cost_of, dollars

__all__ = ["tell_figures"]


def tell_figures(ended: AnswerEnded) -> list[str]:
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
