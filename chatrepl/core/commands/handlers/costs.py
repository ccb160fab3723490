"""Commands about what is sent and what it costs: /reminder, /compact, /cost."""

from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.commands.handlers.settings import show_or_set
from chatrepl.core.conversation.metadata import dollars
from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event, Level, Notice, Table
from chatrepl.core.messages import Message
from chatrepl.core.settings.table import find_setting
from chatrepl.core.turn.compaction import Compaction, undo_summary
from chatrepl.core.turn.spending_limit import (
    Spent,
    beginning_of_day,
    beginning_of_month,
    spent_since,
    total_of,
)
from chatrepl.core.usage import IMPORTED_FIELD

__all__ = ["compact", "complete_compact", "complete_reminder", "cost", "reminder"]

_COLUMNS = ("", "model", "answers", "prompt", "cached", "completion", "thinking", "cost")
_PARTS = {4: "cached is a part of prompt", 6: "thinking is a part of completion"}


async def reminder(call: Call) -> AsyncIterator[Event]:
    """/reminder: show, set or clear the text that goes with each message."""
    text = "default" if call.rest == "--clear" else call.rest
    if text.split(" ", 1)[0].startswith("--"):
        raise UsageError(f"/reminder has no {text.split(' ', 1)[0]}", "/reminder --clear")
    async for event in show_or_set(call.session, find_setting("reminder"), text):
        yield event


async def compact(call: Call) -> AsyncIterator[Event]:
    """/compact: summarise the turns that no longer fit, or undo that."""
    session = call.session
    if call.rest == "--undo":
        summary = await undo_summary(session)
        if summary is None:
            raise UsageError("there is no summary to undo")
        for notice in session.take_notices():
            yield notice
        count = len(summary.summary_of)
        yield Notice(f"{count} messages stand for themselves again", Level.SUCCESS, hint="/context")
        return
    if call.rest.startswith("--"):
        raise UsageError(f"/compact has no {call.words[0]}", "/compact [hint], or --undo")
    async for progress in session.servers.prepare_local():
        yield progress
    target = await session.target()
    compaction = Compaction(session, session.spending, target, call.rest)
    async for event in session.stoppable(compaction.run):
        yield event
    await session.save_counts()
    for notice in session.take_notices():
        yield notice


async def cost(call: Call) -> AsyncIterator[Event]:
    """/cost: tokens and money of the last answer, the session, the day and the month."""
    call.takes_nothing()
    session = call.session
    now = session.ports.clock.now()
    answer = session.conversation.last_answer()
    day = await spent_since(session.stores, beginning_of_day(now))
    spans = [
        ("last answer", total_of([answer] if answer else [])),
        ("this session", total_of(session.conversation.all())),
        ("today", day),
        ("this month", await spent_since(session.stores, beginning_of_month(now))),
    ]
    rows = [row for name, spent in spans for row in _rows(name, spent)]
    # Parts that nobody reported take room and tell nothing.
    shown = [at for at in range(len(_COLUMNS)) if at not in _PARTS or _tells(rows, at)]
    parts = [_PARTS[at] for at in shown if at in _PARTS]
    yield Table(
        [_COLUMNS[at] for at in shown],
        [[row[at] for at in shown] for row in rows],
        numeric=frozenset(range(2, len(shown))),
        footer=_footer(parts, session.settings.get("spending_limit"), day, answer),
    )


def _tells(rows: Sequence[Sequence[str]], column: int) -> bool:
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
    """Write what is known: of a part of the answers it is a least amount."""
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


def complete_reminder(_session: object, _text: str) -> Sequence[Value]:
    """Offer to clear it."""
    return [Value("--clear", "no reminder")]


def complete_compact(_session: object, text: str) -> Sequence[Value]:
    """Offer to undo it."""
    return [] if " " in text.lstrip() else [Value("--undo", "send the originals again")]
