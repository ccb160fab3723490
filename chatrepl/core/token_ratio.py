"""What a server taught about the tokens of one of its models: its window, and how it counts."""

from dataclasses import dataclass

from chatrepl.core.own_files import Memory

__all__ = ["Lessons", "TokenLessons"]

_TOPIC = "token-ratios"
_MOST_KEPT_REPORTS = 5
_WORTH_KEEPING = 0.005

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
    reports: int = 0
    """How often it told what a prompt counts."""

    def learn_report(self, plain_tokens: int, reported_tokens: int) -> None:
        """Take a count that the server gave for a prompt, beside ours.

        A short prompt says little of the ratio, for what a server adds to every prompt weighs much
        in it: the first few are taken with a doubt that shrinks.
        """
        self.reports += 1
        doubt = _DOUBT_TOKENS / self.reports
        self._set((reported_tokens + doubt) / (plain_tokens + doubt))

    def learn_refusal(self, plain_tokens: int, reported_tokens: int) -> None:
        """Take the server's count of a prompt that it refused; the ratio only grows."""
        ratio = reported_tokens / max(1, plain_tokens) * _REFUSED_MARGIN
        self._set(max(self.ratio, ratio))

    def _set(self, ratio: float) -> None:
        low, high = _RATIO_RANGE
        self.ratio = min(high, max(low, ratio))


Key = tuple[str, str]
"""A server's base URL, and a model on it."""


class Lessons:
    """All that was taught, by server and model; the ratios are kept across runs for a while."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._all: dict[Key, TokenLessons] = {}
        self._kept: dict[Key, float] = {}
        self._changed: set[Key] = set()
        self._is_recalled = False

    def about(self, key: Key) -> TokenLessons:
        """Return what is known of a model on a server."""
        return self._all.setdefault(key, TokenLessons())

    def learn_report(self, key: Key, plain_tokens: int, reported_tokens: int) -> None:
        """Take a count that the server gave for a prompt, beside ours, to be kept."""
        self.about(key).learn_report(plain_tokens, reported_tokens)
        self._changed.add(key)

    async def recall(self) -> None:
        """Read what earlier runs learnt; at once from the second call on."""
        if self._is_recalled:
            return
        self._is_recalled = True
        for name, ratio in (await self._memory.recall(_TOPIC)).items():
            server, _, model = name.partition(" ")
            low, high = _RATIO_RANGE
            if isinstance(ratio, int | float) and low <= ratio <= high and model:
                lessons = self.about((server, model))
                if not lessons.reports:
                    lessons.ratio, lessons.reports = float(ratio), _MOST_KEPT_REPORTS
                    self._kept[server, model] = lessons.ratio

    async def keep(self) -> None:
        """Write ratios that are new, or other than they were, for later runs."""
        changed, self._changed = self._changed, set()
        for key in changed:
            ratio = self._all[key].ratio
            if abs(ratio / self._kept.get(key, _RATIO_RANGE[1]) - 1) > _WORTH_KEEPING:
                self._kept[key] = ratio
                await self._memory.remember(_TOPIC, " ".join(key), round(ratio, 4))
