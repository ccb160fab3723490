"""Metadata of messages: the fields of ``Message.extra``, with their readers and writers.

Readers accept anything in a field, as messages may come from other programs' transcripts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chatrepl.core.events import AnswerEnded, ResponseStarted
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, Usage, UsageTotal

COST_FIELD = "cost_usd"
"""What the message cost when it was made: prices change."""
IMPORTED_FIELD = "imported"
"""Present in imported and copied messages: their cost was paid, or is counted, elsewhere."""
TIMING_FIELD = "timing"
"""Seconds to the answer's first text and to its end."""
RESPONSE_FIELD = "response"
"""The answer's place in its response, and what else the server said of the response."""
FINGERPRINT_FIELD = "system_fingerprint"
USAGE_FIELD = "usage"
"""The response's usage in the form in which the server sent it."""
LOGPROBS_FIELD = "logprobs"
"""The scores of the answer's tokens."""
REFUSAL_FIELD = "refusal"
"""The text in which the model refused, as in the API; ``True``: it is the content."""
TOOL_CALLS_FIELD = "tool_calls"
"""The calls of tools, as in the API."""
PARTS_FIELD = "parts"
"""The list of parts that an imported message's content was given as."""

_MIN_STREAMED_S = 0.1
"""An answer that streamed for no longer came at once: its speed would say nothing."""
_MIN_SHOWN_USD = 1e-7


def field_of(message: Message, field: str) -> Mapping[str, Json]:
    """Return a field that holds a mapping; empty if it is missing or anything else."""
    value = message.extra.get(field)
    return value if isinstance(value, dict) else {}


# The response


def response_fields(
    started: ResponseStarted, choice: int, continued: Message | None
) -> dict[str, Json]:
    """Return the value of ``RESPONSE_FIELD`` for one choice of a response.

    ``continued`` is the answer that this one goes on with, and begins with.
    """
    fields: dict[str, Json] = {"choice": choice}
    if started.created is not None:
        fields["created"] = started.created
    if started.service_tier is not None:
        fields["service_tier"] = started.service_tier
    if continued is not None:
        fields["after_chars"] = [len(continued.content), len(continued.reasoning)]
    return fields


def choice_of(answer: Message) -> int:
    """Return an answer's index among the choices of its response."""
    choice = field_of(answer, RESPONSE_FIELD).get("choice")
    return choice if type(choice) is int else 0


def created_s(answer: Message) -> int | None:
    """Return when the response was made by the server's clock, in seconds since 1970."""
    created = field_of(answer, RESPONSE_FIELD).get("created")
    return created if type(created) is int else None


def continued_chars(answer: Message) -> tuple[int, int]:
    """Return how many characters of content and of reasoning came in earlier responses."""
    match field_of(answer, RESPONSE_FIELD).get("after_chars"):
        case [int(content_chars), int(reasoning_chars)]:
            return max(0, content_chars), max(0, reasoning_chars)
        case _:
            return 0, 0


def refusal_of(message: Message) -> str:
    """Return the text in which the model refused; empty if it did not."""
    refusal = message.extra.get(REFUSAL_FIELD)
    if refusal is True:
        return message.content
    return refusal if isinstance(refusal, str) else ""


def called_tools(message: Message) -> Iterator[tuple[str, str]]:
    """Yield the name and the arguments of each tool that the model called."""
    calls = message.extra.get(TOOL_CALLS_FIELD)
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield _text(function.get("name")), _text(function.get("arguments"))


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


# Times


def timing_fields(elapsed_s: float, first_text_s: float | None) -> dict[str, Json]:
    """Return ``TIMING_FIELD`` with its value; both times are seconds from the request."""
    first = None if first_text_s is None else round(first_text_s, 3)
    return {TIMING_FIELD: {"elapsed_s": round(elapsed_s, 3), "first_text_s": first}}


def times_of(answer: Message) -> tuple[float | None, float | None]:
    """Return the seconds until an answer's first text and its end; None: not known."""
    timing = field_of(answer, TIMING_FIELD)
    first_s, elapsed_s = timing.get("first_text_s"), timing.get("elapsed_s")
    return (
        float(first_s) if isinstance(first_s, int | float) else None,
        float(elapsed_s) if isinstance(elapsed_s, int | float) else None,
    )


def tokens_per_second(answer: Message) -> float | None:
    """Return an answer's speed while it streamed; None: not known."""
    first_s, elapsed_s = times_of(answer)
    tokens = answer.usage.completion_tokens if answer.usage else None
    return None if elapsed_s is None else _speed(tokens, first_s, elapsed_s)


def _speed(tokens: int | None, first_s: float | None, elapsed_s: float) -> float | None:
    # The first token comes with the first text; only the rest is streamed.
    streamed_s = elapsed_s - (first_s or 0.0)
    if not tokens or tokens <= 1 or streamed_s <= _MIN_STREAMED_S:
        return None
    return (tokens - 1) / streamed_s


def describe_timing(answer: Message) -> list[tuple[str, str]]:
    """Return an answer's known times and its speed as rows of a label and a value."""
    first_s, elapsed_s = times_of(answer)
    rows: list[tuple[str, str]] = []
    if first_s is not None:
        rows.append(("first text", f"after {first_s:.2f} s"))
    if elapsed_s is not None:
        rows.append(("whole answer", f"after {elapsed_s:.2f} s"))
    speed = tokens_per_second(answer)
    if speed is not None:
        rows.append(("speed", f"{speed:.1f} tokens a second"))
    return rows


# Costs


def cost_of(message: Message) -> float | None:
    """Return what a message cost in dollars; None: not known."""
    cost = message.extra.get(COST_FIELD)
    return float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) else None


def with_cost(extra: Mapping[str, Json], cost: float | None) -> Mapping[str, Json]:
    """Return a message's extra fields with a cost in dollars; None: not known, and left out."""
    return extra if cost is None else {**extra, COST_FIELD: cost}


@dataclass(frozen=True, slots=True)
class Spent:
    """The usage of answers, as one total for each model."""

    totals: Sequence[UsageTotal]

    @property
    def cost_usd(self) -> float:
        """The cost of all answers whose price is known."""
        return sum(total.cost_usd for total in self.totals)

    @property
    def unpriced(self) -> int:
        """The number of answers whose price is not known."""
        return sum(total.unpriced for total in self.totals)

    @property
    def answers(self) -> int:
        """The number of answers."""
        return sum(total.answers for total in self.totals)


def spent_by(messages: Iterable[Message]) -> Spent:
    """Return the usage of messages."""
    return sum_by_model(
        _total(message, message.usage) for message in messages if message.usage is not None
    )


def sum_by_model(totals: Iterable[UsageTotal]) -> Spent:
    """Add up the totals of each model."""
    sums: dict[str, UsageTotal] = {}
    for total in totals:
        sums[total.model] = sums.get(total.model, UsageTotal(total.model)).plus(total)
    return Spent(list(sums.values()))


def _total(message: Message, usage: Usage) -> UsageTotal:
    cost = cost_of(message)
    return UsageTotal(
        message.model or "unknown",
        1,
        usage.prompt_tokens or 0,
        usage.completion_tokens or 0,
        usage.cached_tokens or 0,
        usage.reasoning_tokens or 0,
        cost or 0.0,
        int(cost is None),
    )


def dollars(amount: float) -> str:
    """Format an amount of dollars with as many digits as it takes to say something."""
    if amount >= 1 or not amount:
        return f"${amount:,.2f}"
    if amount < _MIN_SHOWN_USD:
        return f"< ${_MIN_SHOWN_USD:.7f}"
    return f"${amount:.4g}" if amount >= 0.001 else f"${amount:.7f}".rstrip("0")


def format_figures(ended: AnswerEnded) -> list[str]:
    """Return an answer's known figures: time to the first text, speed, tokens, dollars.

    Where none is known, the elapsed time is returned. ``≈`` marks estimates.
    """
    figures: list[str] = []
    if ended.first_text_s is not None:
        figures.append(f"{ended.first_text_s:.2f} s to first")
    mark = "≈" if ended.is_estimate else ""
    speed = _speed(ended.tokens, ended.first_text_s, ended.elapsed_s)
    if speed is not None:
        figures.append(f"{mark}{speed:,.{0 if speed >= 100 else 1}f} tokens/s")
    if ended.tokens:
        figures.append(f"{mark}{ended.tokens:,} {'token' if ended.tokens == 1 else 'tokens'}")
    cost = cost_of(ended.message)
    if cost is not None:
        figures.append(dollars(cost))
    return figures or [f"{ended.elapsed_s:.2f} s"]
