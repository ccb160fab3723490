"""Queries on the events of a session."""

from collections.abc import Sequence

from chatrepl.core.events import AnswerEnded, Event, Level, Notice, Table, TextDelta

__all__ = ["answer_ends", "answer_text", "errors", "notices", "tables"]


def answer_text(events: Sequence[Event], index: int | None = 0) -> str:
    """Join the text deltas of one answer of several; None: of all, as they came."""
    deltas = [event for event in events if isinstance(event, TextDelta)]
    return "".join(delta.text for delta in deltas if index in (None, delta.index))


def notices(events: Sequence[Event]) -> list[str]:
    """Return the texts of all notices, errors included."""
    return [event.text for event in events if isinstance(event, Notice)]


def errors(events: Sequence[Event]) -> list[str]:
    """Return the texts of the errors."""
    return [e.text for e in events if isinstance(e, Notice) and e.level is Level.ERROR]


def tables(events: Sequence[Event]) -> list[Table]:
    """Return the tables."""
    return [event for event in events if isinstance(event, Table)]


def answer_ends(events: Sequence[Event]) -> list[AnswerEnded]:
    """Return the ends of the answers, by their indexes."""
    return sorted((e for e in events if isinstance(e, AnswerEnded)), key=lambda e: e.index)
