"""Handler of /cost: tokens and money of answers, sessions, days and months."""

from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.command import Call
from chatrepl.core.conversation.metadata import IMPORTED_FIELD, Spent, dollars, spent_by
from chatrepl.core.events import Event, Table
from chatrepl.core.messages import Message
from chatrepl.core.turn.spending_limit import (
    beginning_of_day,
    beginning_of_month,
    spent_since,
)

_COLUMNS = ("", "model", "answers", "prompt", "cached", "completion", "thinking", "cost")
_PARTS = {4: "cached is a part of prompt", 6: "thinking is a part of completion"}
"""Columns that count a part of another one, with the footer's words for them."""


async def cost(call: Call) -> AsyncIterator[Event]:
    """/cost: show tokens and money of the last answer, the session, the day and the month."""
    call.takes_nothing()
    session = call.session
    now = session.ports.clock.now()
    answer = session.conversation.last_answer()
    day = await spent_since(session.stores, beginning_of_day(now))
    spans = [
        ("last answer", spent_by([answer] if answer else [])),
        ("this session", spent_by(session.conversation.all())),
        ("today", day),
        ("this month", await spent_since(session.stores, beginning_of_month(now))),
    ]
    rows = [row for name, spent in spans for row in _rows(name, spent)]
    # A part that no server reported would be a column of zeros.
    columns = [at for at in range(len(_COLUMNS)) if at not in _PARTS or _has_counts(rows, at)]
    parts = [_PARTS[at] for at in columns if at in _PARTS]
    yield Table(
        [_COLUMNS[at] for at in columns],
        [[row[at] for at in columns] for row in rows],
        numeric=frozenset(range(2, len(columns))),
        footer=_footer(parts, session.settings.get("spending_limit"), day, answer),
    )


def _has_counts(rows: Sequence[Sequence[str]], column: int) -> bool:
    return any(row[column] not in ("", "0") for row in rows)


def _rows(name: str, spent: Spent) -> list[tuple[str, ...]]:
    rows = [
        (
            "",
            total.model,
            f"{total.answers:,}",
            f"{total.prompt_tokens:,}",
            f"{total.cached_tokens:,}",
            f"{total.completion_tokens:,}",
            f"{total.reasoning_tokens:,}",
            _amount(total.cost_usd, total.unpriced, total.answers),
        )
        for total in spent.totals
    ]
    if not rows:
        return [(name, "nothing yet", "0", "", "", "", "", "")]
    if len(rows) > 1:
        amount = _amount(spent.cost_usd, spent.unpriced, spent.answers)
        rows.append(("", "together", f"{spent.answers:,}", "", "", "", "", amount))
    return [(name, *rows[0][1:]), *rows[1:]]


def _amount(cost_usd: float, unpriced: int, answers: int) -> str:
    """Write a cost; a lower bound if the price of some of the answers is not known."""
    if unpriced == answers:
        return "not known"
    return f"≥ {dollars(cost_usd)}" if unpriced else dollars(cost_usd)


def _footer(
    parts: Sequence[str], limit: object, day: Spent, answer: Message | None
) -> Sequence[str]:
    lines = [f"{', '.join(parts)}, as the server reports it"] if parts else []
    if answer is not None and answer.usage is None and IMPORTED_FIELD not in answer.extra:
        lines.append("the server reported nothing for the last answer")
    if isinstance(limit, int | float) and not isinstance(limit, bool):
        lines.append(f"{dollars(day.cost_usd)} of {dollars(float(limit))} a day are spent")
    return lines
