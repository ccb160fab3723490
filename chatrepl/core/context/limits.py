"""Limits of one request: context window, budget, reserve, and the model's chat format."""

from dataclasses import dataclass

UNKNOWN_WINDOW_TOKENS = 8192
_MAX_RESERVE_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """The tokens that the chat format adds to the texts."""

    per_message: int = 3
    per_name: int = 1
    priming: int = 3


def format_of(model: str) -> ChatFormat:
    """Return the chat format of a model."""
    return ChatFormat(4, -1, 3) if model == "gpt-3.5-turbo-0301" else ChatFormat()


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one request, in tokens."""

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
        """Fill in the defaults; ``None`` means not known or not set.

        A budget beyond the default for an unknown window tells that the window is as large.
        """
        size = window or max(UNKNOWN_WINDOW_TOKENS, budget or 0)
        usable = min(budget or size, size)
        if reserve is None:
            reserve = max_tokens or min(_MAX_RESERVE_TOKENS, size // 4)
            if max_tokens is None and reserve >= usable:
                # By default, a small budget must still let a message through.
                reserve = usable // 4
        is_known, is_set = window is not None, budget is not None
        return cls(size, is_known, budget or size, reserve, max_tokens, is_set)

    @property
    def is_guessed(self) -> bool:
        """True if the room follows from the default for an unknown window."""
        return not (self.window_is_known or self.budget_is_set)

    @property
    def room(self) -> int:
        """The tokens that messages may use; at 0 or below, no request is possible."""
        room = min(self.budget, self.window) - self.reserve
        return min(room, self.window - self.max_tokens) if self.max_tokens else room
