"""What many answers used together."""

from dataclasses import dataclass

__all__ = ["COST_FIELD", "IMPORTED_FIELD", "UsageTotal"]

COST_FIELD = "cost_usd"
"""Where a message keeps what it cost, among its further fields: prices change."""
IMPORTED_FIELD = "imported"
"""Beside it, in what came in from outside or is a copy: it was paid for elsewhere, or counts here
already."""


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """What the answers of one model used, in tokens, and what they cost."""

    model: str
    answers: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    """Answers whose price is not known."""

    def plus(self, other: "UsageTotal") -> "UsageTotal":
        """Add up two totals of the same model."""
        return UsageTotal(
            self.model,
            self.answers + other.answers,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.cost_usd + other.cost_usd,
            self.unpriced + other.unpriced,
        )
