"""What a server taught about the tokens of one of its models: its window, and how it counts."""

from dataclasses import dataclass

__all__ = ["TokenLessons"]

_DOUBT_TOKENS = 300
_REFUSED_MARGIN = 1.01
_RATIO_RANGE = (0.2, 5.0)


@dataclass(slots=True)
class TokenLessons:
    """What one server taught about one of its models."""

    window: int | None = None
    ratio: float = 1.0
    """The server's own count over ours."""
    counts_itself: bool | None = None
    """It counts prompts when it is asked to; None: nobody asked."""
    _reports: int = 0

    def learn_report(self, plain_tokens: int, reported_tokens: int) -> None:
        """Take a count that the server gave for a prompt, beside ours.

        A short prompt says little of the ratio, for what a server adds to every prompt weighs much
        in it: the first few are taken with a doubt that shrinks.
        """
        self._reports += 1
        doubt = _DOUBT_TOKENS / self._reports
        self._set((reported_tokens + doubt) / (plain_tokens + doubt))

    def learn_refusal(self, plain_tokens: int, reported_tokens: int) -> None:
        """Take the server's count of a prompt that it refused; the ratio only grows."""
        ratio = reported_tokens / max(1, plain_tokens) * _REFUSED_MARGIN
        self._set(max(self.ratio, ratio))

    def _set(self, ratio: float) -> None:
        low, high = _RATIO_RANGE
        self.ratio = min(high, max(low, ratio))
