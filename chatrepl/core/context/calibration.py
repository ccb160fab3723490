"""What a server taught about the tokens of one of its models: its window, and how it counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chatrepl.core.ports.remembered import Memory

__all__ = ["Calibrations", "TokenCalibration"]

_TOPIC = "token-ratios"
_MOST_REPORTS = 8
_WORTH_KEEPING = 0.005

_REFUSED_MARGIN = 1.01
_RATIO_RANGE = (0.2, 5.0)
_FRAMES = range(-4, 17)
"""Ours are at least four tokens: no server counts less than a message's own words."""
_LEAST_HIDDEN = -3.0
"""Ours counts three tokens that begin the answer; a server may count none."""

_USUAL_FRAME = 1
_NOISE = 0.01
"""How far a count may be from the law, as a part of it: some words cost more than others."""
_NOISE_TOKENS = 4.0
"""The same in a short prompt, where a word weighs much."""
_RATIO_DOUBT = 0.2
_HIDDEN_DOUBT = 30.0
_FRAME_DOUBT = 2.0
"""How far a server is expected to be from what is usual, or from what it taught in earlier runs."""
_ODD = 0.1
_FEWEST_TO_JUDGE = 4


@dataclass(frozen=True, slots=True)
class _Law:
    """How a server counts: ``(plain + frame · messages) · ratio + hidden``."""

    ratio: float = 1.0
    frame: int = _USUAL_FRAME
    hidden: float = 0.0

    def of(self, report: "_Report") -> float:
        """Count by it."""
        return self.ratio * (report.plain + self.frame * report.messages) + self.hidden


@dataclass(frozen=True, slots=True)
class _Report:
    """A prompt as it counts here, without any correction, and on the server."""

    plain: int
    messages: int
    reported: int

    @property
    def noise(self) -> float:
        """How far a law may be from it, in tokens."""
        return _NOISE * self.reported + _NOISE_TOKENS

    def miss(self, law: _Law) -> float:
        """Say how far a law is from it, as a part of it."""
        return (self.reported - law.of(self)) / self.reported


@dataclass(slots=True)
class TokenCalibration:
    """What one server taught about one of its models."""

    window: int | None = None
    ratio: float = 1.0
    """The server's own count over ours, its frames beside ours included."""
    frame: int = _USUAL_FRAME
    """What its template puts around a message beyond ours, in tokens of ours.

    Until it tells, that of ChatML, Llama 3 and Gemma: five tokens around a message; ours are four.
    """
    hidden: float = 0.0
    """What it adds to every prompt, in its tokens, as with a system text of its own."""
    counts_itself: bool | None = None
    """It counts prompts when it is asked to; None: nobody asked."""
    is_contradicted: bool = False
    """It last reported another count of a text than the model's own vocabulary gives."""
    _reports: list[_Report] = field(default_factory=list)
    _prior: _Law = _Law()

    @property
    def is_off(self) -> bool:
        """Say whether it is known to count otherwise than the model's own vocabulary."""
        return self.ratio != 1.0 or self.is_contradicted

    @property
    def has_reports(self) -> bool:
        """Say whether it told in this run what a prompt counts."""
        return bool(self._reports)

    def begin_with(self, ratio: float, frame: int, hidden: float) -> None:
        """Take what it taught in an earlier run for what is usual."""
        self._prior = _Law(ratio, frame, hidden)
        self.ratio, self.frame, self.hidden = ratio, frame, hidden

    def record_report(self, plain_tokens: int, messages: int, reported_tokens: int) -> None:
        """Take a count that the server gave for a prompt, beside ours without any correction."""
        report = _Report(plain_tokens, messages, reported_tokens)
        kept = [one for one in self._reports if one.plain != plain_tokens]
        self._reports = [*kept, report][-_MOST_REPORTS:]
        law = _law_of(self._reports, self._prior)
        self.frame, self.hidden = law.frame, law.hidden
        self._set(law.ratio)

    def record_refusal(self, counted_tokens: int, reported_tokens: int) -> None:
        """Take the server's count of a prompt that it refused; the ratio only grows.

        ``counted_tokens``: with frames and what is hidden, as the ratio is applied to it.
        """
        ratio = reported_tokens / max(1, counted_tokens) * _REFUSED_MARGIN
        self._set(max(self.ratio, ratio))

    def _set(self, ratio: float) -> None:
        low, high = _RATIO_RANGE
        self.ratio = min(high, max(low, ratio))


def _law_of(reports: Sequence[_Report], prior: _Law) -> _Law:
    """Find the likeliest law; one report that is far from that of the others does not count."""
    law = _likeliest(reports, prior)
    if len(reports) < _FEWEST_TO_JUDGE:
        return law
    for odd in reports:
        others = [one for one in reports if one is not odd]
        without = _likeliest(others, prior)
        if abs(odd.miss(without)) > _ODD and all(abs(one.miss(without)) < _ODD for one in others):
            return without
    return law


def _likeliest(reports: Sequence[_Report], prior: _Law) -> _Law:
    """Try each frame with the best that goes with it: few reports leave most to what is usual."""

    def unlikely(law: _Law) -> float:
        missed = sum(((one.reported - law.of(one)) / one.noise) ** 2 for one in reports)
        return (
            missed
            + ((law.ratio - prior.ratio) / _RATIO_DOUBT) ** 2
            + ((law.frame - prior.frame) / _FRAME_DOUBT) ** 2
            + ((law.hidden - prior.hidden) / _HIDDEN_DOUBT) ** 2
        )

    return min((_with_frame(reports, prior, frame) for frame in _FRAMES), key=unlikely)


def _with_frame(reports: Sequence[_Report], prior: _Law, frame: int) -> _Law:
    """Fit a line through the reports by least squares, each weighed by how sure it is."""
    ratio_weight, hidden_weight = _RATIO_DOUBT**-2, _HIDDEN_DOUBT**-2
    xx, xy, x = ratio_weight, ratio_weight * prior.ratio, 0.0
    y, one = hidden_weight * prior.hidden, hidden_weight
    for report in reports:
        weight = report.noise**-2
        framed = report.plain + frame * report.messages
        xx += weight * framed * framed
        xy += weight * framed * report.reported
        x += weight * framed
        y += weight * report.reported
        one += weight
    ratio = (xy * one - x * y) / (xx * one - x * x)
    hidden = (y - ratio * x) / one
    if hidden < _LEAST_HIDDEN:
        hidden = _LEAST_HIDDEN
        ratio = (xy - x * hidden) / xx
    return _Law(ratio, frame, hidden)


Key = tuple[str, str]
"""A server's base URL, and a model on it."""

_Kept = tuple[float, int, float]


class Calibrations:
    """All that was taught, by server and model; how they count is kept across runs for a while."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._all: dict[Key, TokenCalibration] = {}
        self._kept: dict[Key, _Kept] = {}
        self._changed: set[Key] = set()
        self._is_recalled = False

    def about(self, key: Key) -> TokenCalibration:
        """Return what is known of a model on a server."""
        return self._all.setdefault(key, TokenCalibration())

    def record_report(
        self, key: Key, plain_tokens: int, messages: int, reported_tokens: int
    ) -> None:
        """Take a count that the server gave for a prompt, beside ours, to be kept."""
        self.about(key).record_report(plain_tokens, messages, reported_tokens)
        self._changed.add(key)

    async def recall(self) -> None:
        """Read what earlier runs learnt; at once from the second call on."""
        if self._is_recalled:
            return
        self._is_recalled = True
        for name, value in (await self._memory.recall(_TOPIC)).items():
            server, _, model = name.partition(" ")
            kept = _read(value)
            if kept is not None and model:
                lessons = self.about((server, model))
                if not lessons.has_reports:
                    lessons.begin_with(*kept)
                    self._kept[server, model] = kept

    async def keep(self) -> None:
        """Write what is new, or other than it was, for later runs."""
        changed, self._changed = self._changed, set()
        for key in changed:
            lessons = self._all[key]
            now = (round(lessons.ratio, 4), lessons.frame, round(lessons.hidden, 1))
            before = self._kept.get(key)
            if before is None or before[1] != now[1] or _is_far(before, now):
                self._kept[key] = now
                await self._memory.remember(_TOPIC, " ".join(key), list(now))


def _is_far(before: _Kept, now: _Kept) -> bool:
    return abs(now[0] / before[0] - 1) > _WORTH_KEEPING or abs(now[2] - before[2]) > 1


def _read(value: object) -> _Kept | None:
    """Read what a file holds, which anyone may have changed."""
    low, high = _RATIO_RANGE
    match value:
        case [int() | float() as ratio, int() as frame, int() | float() as hidden]:
            is_sound = low <= ratio <= high and frame in _FRAMES and _LEAST_HIDDEN <= hidden < 1e6
            return (float(ratio), frame, float(hidden)) if is_sound else None
        case _:
            return None
