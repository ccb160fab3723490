"""Calibration of token counts: the context window and counting formula learned from a server."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chatrepl.core.json_value import Json
from chatrepl.core.ports.remembered import Memory
from chatrepl.core.servers.learned_facts import LearnedFacts, ModelKey

_TOPIC = "token-ratios"
_MAX_REPORTS = 8
_MIN_RATIO_CHANGE = 0.005
"""A smaller relative change of the ratio is not worth a write."""

_REFUSED_MARGIN = 1.01
_RATIO_RANGE = (0.2, 5.0)
_FRAMES = range(-4, 17)
"""Our own frame is at least four tokens, and no server counts less than a message's text."""
_MIN_HIDDEN = -3.0
"""Our priming of the reply is three tokens, which a server may leave uncounted."""

_USUAL_FRAME = 1
_NOISE = 0.01
"""Standard deviation of a report from the formula, relative to it: tokenizers differ by word."""
_NOISE_TOKENS = 4.0
"""Further deviation in tokens: in a short prompt one word weighs much."""
_RATIO_DEVIATION = 0.2
_HIDDEN_DEVIATION = 30.0
_FRAME_DEVIATION = 2.0
"""Standard deviations of a server's parameters from the prior."""
_OUTLIER_ERROR = 0.1
_MIN_REPORTS_TO_JUDGE = 4


@dataclass(frozen=True, slots=True)
class _Formula:
    """A server's counting: ``(plain + frame · messages) · ratio + hidden``."""

    ratio: float = 1.0
    frame: int = _USUAL_FRAME
    hidden: float = 0.0

    def predict(self, report: "_Report") -> float:
        """Return the count this formula gives for a report's prompt."""
        return self.ratio * (report.plain + self.frame * report.messages) + self.hidden


@dataclass(frozen=True, slots=True)
class _Report:
    """A prompt's token counts: ours without any correction, and the server's."""

    plain: int
    messages: int
    reported: int

    @property
    def noise(self) -> float:
        """The expected deviation from the formula, in tokens."""
        return _NOISE * self.reported + _NOISE_TOKENS

    def relative_error(self, formula: _Formula) -> float:
        """Return how much more was reported than a formula predicts, as a part of the report."""
        return (self.reported - formula.predict(self)) / self.reported


@dataclass(slots=True)
class TokenCalibration:
    """The calibration of one model on one server."""

    window: int | None = None
    ratio: float = 1.0
    """The server's tokens per token of ours; ours include ``frame``."""
    frame: int = _USUAL_FRAME
    """Tokens that its chat template puts around a message beyond ours, in tokens of ours.

    The default is that of ChatML, Llama 3 and Gemma: five tokens around a message; ours are four.
    """
    hidden: float = 0.0
    """Tokens added to every prompt, in the server's tokens, as by a system text of its own."""
    counts_itself: bool | None = None
    """The server counts prompts on request; None: not tried yet."""
    is_contradicted: bool = False
    """Its last report differs from the count by the model's own vocabulary."""
    _reports: list[_Report] = field(default_factory=list)
    _prior: _Formula = _Formula()

    @property
    def is_off(self) -> bool:
        """True if the server is known to count otherwise than the model's own vocabulary."""
        return self.ratio != 1.0 or self.is_contradicted

    def set_prior(self, ratio: float, frame: int, hidden: float) -> None:
        """Start from the formula learned in an earlier run."""
        self._prior = _Formula(ratio, frame, hidden)
        self.ratio, self.frame, self.hidden = ratio, frame, hidden

    def record_report(self, plain_tokens: int, messages: int, reported_tokens: int) -> None:
        """Fit the formula to a prompt's reported count and to ours without any correction."""
        report = _Report(plain_tokens, messages, reported_tokens)
        others = [other for other in self._reports if other.plain != plain_tokens]
        self._reports = [*others, report][-_MAX_REPORTS:]
        formula = _fit(self._reports, self._prior)
        self.frame, self.hidden = formula.frame, formula.hidden
        self._set_ratio(formula.ratio)

    def record_refusal(self, counted_tokens: int, reported_tokens: int) -> None:
        """Raise the ratio, never lower it, to the count of a prompt that was refused as too long.

        ``counted_tokens`` includes frames and hidden tokens, as the ratio is applied to those too.
        """
        ratio = reported_tokens / max(1, counted_tokens) * _REFUSED_MARGIN
        self._set_ratio(max(self.ratio, ratio))

    def restore(self, saved: Json) -> bool:
        """Start from a saved formula; False if it is invalid or this run has reports already."""
        formula = _read(saved)
        if formula is None or self._reports:
            return False
        self.set_prior(formula.ratio, formula.frame, formula.hidden)
        return True

    def to_json(self) -> Json:
        """Return the formula as a list: ratio, frame, hidden."""
        return [round(self.ratio, 4), self.frame, round(self.hidden, 1)]

    def _set_ratio(self, ratio: float) -> None:
        low, high = _RATIO_RANGE
        self.ratio = min(high, max(low, ratio))


def _fit(reports: Sequence[_Report], prior: _Formula) -> _Formula:
    """Find the likeliest formula, disregarding one report that contradicts all others.

    Such an outlier may be a prompt that the server truncated.
    """
    formula = _fit_all(reports, prior)
    if len(reports) < _MIN_REPORTS_TO_JUDGE:
        return formula
    for suspect in reports:
        others = [report for report in reports if report is not suspect]
        without = _fit_all(others, prior)
        if abs(suspect.relative_error(without)) > _OUTLIER_ERROR and all(
            abs(report.relative_error(without)) < _OUTLIER_ERROR for report in others
        ):
            return without
    return formula


def _fit_all(reports: Sequence[_Report], prior: _Formula) -> _Formula:
    """Find the likeliest formula for all reports, given normal noise and a normal prior.

    The frame is an integer from a small range, so each is tried with its best ratio and hidden.
    """

    def improbability(formula: _Formula) -> float:
        errors = sum(
            ((report.reported - formula.predict(report)) / report.noise) ** 2 for report in reports
        )
        return (
            errors
            + ((formula.ratio - prior.ratio) / _RATIO_DEVIATION) ** 2
            + ((formula.frame - prior.frame) / _FRAME_DEVIATION) ** 2
            + ((formula.hidden - prior.hidden) / _HIDDEN_DEVIATION) ** 2
        )

    return min((_fit_frame(reports, prior, frame) for frame in _FRAMES), key=improbability)


def _fit_frame(reports: Sequence[_Report], prior: _Formula, frame: int) -> _Formula:
    """Fit ratio and hidden by weighted least squares, the prior being two observations more."""
    ratio_weight, hidden_weight = _RATIO_DEVIATION**-2, _HIDDEN_DEVIATION**-2
    # The sums of the normal equations: weighted products of x (our tokens) and y (reported).
    xx, xy, x = ratio_weight, ratio_weight * prior.ratio, 0.0
    y, weights = hidden_weight * prior.hidden, hidden_weight
    for report in reports:
        weight = report.noise**-2
        framed = report.plain + frame * report.messages
        xx += weight * framed * framed
        xy += weight * framed * report.reported
        x += weight * framed
        y += weight * report.reported
        weights += weight
    ratio = (xy * weights - x * y) / (xx * weights - x * x)
    hidden = (y - ratio * x) / weights
    if hidden < _MIN_HIDDEN:
        # Outside its range hidden is fixed at the bound, and the ratio is fitted alone.
        hidden = _MIN_HIDDEN
        ratio = (xy - x * hidden) / xx
    return _Formula(ratio, frame, hidden)


class Calibrations(LearnedFacts[TokenCalibration]):
    """The calibrations of all models on all servers; the formulas are cached across runs."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory, _TOPIC, TokenCalibration)

    def record_report(
        self, key: ModelKey, plain_tokens: int, messages: int, reported_tokens: int
    ) -> None:
        """Record a report as ``TokenCalibration`` does, to be saved."""
        self.get(key).record_report(plain_tokens, messages, reported_tokens)
        self.mark_changed(key)

    def is_worth_saving(self, saved: Json, value: Json) -> bool:
        """Return whether a formula differs noticeably from the saved one."""
        before, now = _read(saved), _read(value)
        if before is None or now is None:
            return True
        ratio_change = abs(now.ratio / before.ratio - 1)
        return (
            before.frame != now.frame
            or ratio_change > _MIN_RATIO_CHANGE
            or abs(now.hidden - before.hidden) > 1
        )


def _read(saved: Json) -> _Formula | None:
    """Read a saved formula; None if it is invalid, as users may edit the file."""
    low, high = _RATIO_RANGE
    match saved:
        case [int() | float() as ratio, int() as frame, int() | float() as hidden]:
            is_valid = low <= ratio <= high and frame in _FRAMES and _MIN_HIDDEN <= hidden < 1e6
            return _Formula(float(ratio), frame, float(hidden)) if is_valid else None
        case _:
            return None
