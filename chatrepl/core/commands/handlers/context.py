"""Handlers of the context window's commands: /context and /compact."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.command import Call
from chatrepl.core.context.context_report import Place, Row, format_limits, format_room, rows_of
from chatrepl.core.context.fitting import Plan
from chatrepl.core.conversation.attachments import image_tokens, name_of, text_of
from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event, Level, Meter, Notice, PlainText, Table
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message
from chatrepl.core.servers.target import Target
from chatrepl.core.session import Session
from chatrepl.core.text.excerpts import first_words
from chatrepl.core.turn.compaction import Compaction, undo_summary

_FIRST_WORDS_CHARS = 80
_ROWS_A_STEP = 500
"""Rows that are counted before the event loop runs other tasks."""
_SHARES = (Place.SYSTEM, Place.PINNED, Place.SUMMARY, Place.HISTORY, Place.NEWEST)


async def context(call: Call) -> AsyncIterator[Event]:
    """/context: list all messages with their tokens, and the window's shares; or both as JSON."""
    if call.rest not in ("", "--json"):
        raise UsageError(f"/{call.name} does not know “{call.rest}”", f"/{call.name} [--json]")
    session = call.session
    target, plan = await session.plan()
    plan = await session.preflight.confirmed(target, plan)
    rows = await _all_rows(session, target, plan)
    await session.save_counts()
    if call.rest:
        yield PlainText(json.dumps(_as_json(session, target, plan, rows), indent=2), "json")
        return
    yield Table(
        ("#", "role", "tokens", "", "first words"),
        [_cells(session, row, target) for row in rows],
        numeric=frozenset({0, 2}),
        is_clipped=True,
    )
    yield _meter(session, target, plan, rows)


async def _all_rows(session: Session, target: Target, plan: Plan) -> list[Row]:
    """Return a row for each message; counts the tokens that no cache holds yet."""
    rows: list[Row] = []
    for row in rows_of(plan, session.planner.measure(target)):
        rows.append(row)
        if not len(rows) % _ROWS_A_STEP:
            await asyncio.sleep(0)
    return rows


def _cells(session: Session, row: Row, target: Target) -> tuple[str, ...]:
    mark = "≈" if session.planner.is_estimated(target, row.message) else ""
    is_quiet = row.place in (Place.SYSTEM, Place.HISTORY, Place.NEWEST)
    state = "in" if is_quiet else row.place.value
    return (
        str(row.number) if row.number else "",
        row.message.role + (f" ({row.message.name})" if row.message.name else ""),
        f"{mark}{row.tokens:,}",
        "pinned" if row.is_pinned and row.place.is_in else state,
        _attached(session, row.message, target.model)
        + first_words(row.message.content, _FIRST_WORDS_CHARS),
    )


def _attached(session: Session, message: Message, model: str) -> str:
    """Name a message's attachments, each with its share of the message's tokens."""
    names = ""
    for attachment in message.attachments:
        text = text_of(attachment)
        count = (
            image_tokens([attachment]) if text is None else session.planner.counts.text(text, model)
        )
        names += f"+{name_of(attachment)} ({count:,})  "
    return names


def _meter(session: Session, target: Target, plan: Plan, rows: Sequence[Row]) -> Meter:
    limits = plan.limits
    mark = session.planner.mark(target, plan)
    lines = [
        f"{mark}{plan.tokens:,} of {format_room(limits)} tokens would go to {target.model}: "
        + _counting_method(session, target, plan),
        format_limits(limits),
    ]
    if plan.omitted_turns:
        count = plan.omitted_turns
        many = f"the oldest {count} turns no longer fit; /compact summarises them"
        one = "the oldest turn no longer fits; /compact summarises it"
        lines.append(one if count == 1 else many)
    return Meter(_shares(plan, rows), limits.window, lines=lines)


def _counting_method(session: Session, target: Target, plan: Plan) -> str:
    """Describe how exact the number of tokens is."""
    encoding = session.planner.encoding(target.model)
    is_estimate = bool(session.planner.mark(target, plan))
    if plan.is_reported:
        if not plan.new_messages:
            return "reported, the server's own count"
        since = f"{plan.new_messages} since then {'estimated' if is_estimate else 'counted'}"
        return f"reported by the server, {since} with {encoding}"
    return f"estimated with {encoding}" if is_estimate else f"exact, counted with {encoding}"


def _shares(plan: Plan, rows: Sequence[Row]) -> list[tuple[str, int]]:
    """Return the tokens of each share of the window; they add up to the window.

    Tokens of no message (the reply's priming, a server's surplus) count as history.
    """
    limits = plan.limits
    shares = dict.fromkeys(_SHARES, 0)
    for row in rows:
        if row.place in shares:
            shares[row.place] += row.tokens
    beyond = plan.tokens - sum(shares.values())
    if shares[Place.HISTORY] > max(0, -beyond):
        adjusted = Place.HISTORY
    else:
        adjusted = Place.NEWEST if shares[Place.NEWEST] else Place.SYSTEM
    shares[adjusted] = max(0, shares[adjusted] + beyond)
    reserve = min(limits.reserve, max(0, limits.window - plan.tokens))
    usable = min(limits.budget, limits.window)
    free = max(0, usable - plan.tokens - reserve)
    return [
        *((place.value, shares[place]) for place in _SHARES),
        ("reserve", reserve),
        ("free", free),
        ("beyond the budget", max(0, limits.window - plan.tokens - reserve - free)),
    ]


def _as_json(session: Session, target: Target, plan: Plan, rows: Sequence[Row]) -> dict[str, Json]:
    messages: list[Json] = [
        {
            "n": row.number,
            "id": row.message.id or "system",
            "role": row.message.role,
            "tokens": row.tokens,
            "in": row.place.is_in,
            "pinned": row.is_pinned,
            "dropped": row.is_dropped,
        }
        for row in rows
    ]
    return {
        "model": target.model,
        "encoding": session.planner.encoding(target.model),
        "estimate": bool(session.planner.mark(target, plan)),
        "tokens": plan.tokens,
        "budget": plan.limits.budget,
        "window": plan.limits.window,
        "reserve": plan.limits.reserve,
        "messages": messages,
    }


async def compact(call: Call) -> AsyncIterator[Event]:
    """/compact: summarise the turns that no longer fit, or send the originals again."""
    session = call.session
    if call.rest == "--undo":
        summary = await undo_summary(session)
        if summary is None:
            raise UsageError("there is no summary to undo")
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
