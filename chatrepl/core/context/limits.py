"""Limits of one request: context window, budget, reserve, and the model's message format."""

from dataclasses import dataclass

__all__ = ["UNKNOWN_WINDOW_TOKENS", "ChatFormat", "Limits", "format_of"]

UNKNOWN_WINDOW_TOKENS = 8192
_MOST_RESERVE_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """What the chat format adds to the texts, in tokens."""

    per_message: int = 3
    per_name: int = 1
    priming: int = 3


def format_of(model: str) -> ChatFormat:
    """Return the chat format of a model."""
    return ChatFormat(4, -1, 3) if model == "gpt-3.5-turbo-0301" else ChatFormat()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may use, in tokens."""

    window: int
    window_is_known: bool
    budget: int
    reserve: int
    max_tokens: int | None = None
    budget_is_set: bool = False

    @classmethod
    def of(
        cls,
        *,
        window: int | None,
        budget: int | None,
        reserve: int | None,
        max_tokens: int | None,
    ) -> "Limits":
        """Fill in what is not set; ``None`` means not known, not set.

        Who sets a budget beyond the usual guess of a window says that there is one of that size.
        """
        size = window or max(UNKNOWN_WINDOW_TOKENS, budget or 0)
        usable = min(budget or size, size)
        if reserve is None:
            reserve = max_tokens or min(_MOST_RESERVE_TOKENS, size // 4)
            if max_tokens is None and reserve >= usable:
                # A small budget that nobody reserved anything of must still let a message through.
                reserve = usable // 4
        is_known, is_set = window is not None, budget is not None
        return cls(size, is_known, budget or size, reserve, max_tokens, is_set)

    @property
    def is_guessed(self) -> bool:
        """Say whether the room follows from a window that nobody knows."""
        return not (self.window_is_known or self.budget_is_set)

    @property
    def room(self) -> int:
        """What the messages of a request may use; not above zero: nothing can be sent."""
        room = min(self.budget, self.window) - self.reserve
        return min(room, self.window - self.max_tokens) if self.max_tokens else room
