from datetime import UTC, datetime, timedelta
from pathlib import Path

from chatrepl.core.conversation.metadata import COST_FIELD
from chatrepl.core.messages import Message, SessionRecord, Usage, UsageTotal
from tests.support.store.store_values import opened

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def answered(number: int, model: str, hours: int, cost: float | None, content: str = "") -> Message:
    return Message(
        f"m{number}",
        None,
        "assistant",
        content,
        NOW - timedelta(hours=hours),
        model=model,
        usage=Usage(100, 10, 50, 5),
        extra={"note": content} if cost is None else {COST_FIELD: cost, "note": content},
    )


async def test_usage_is_added_up_by_model_from_a_moment_on(tmp_path: Path) -> None:
    async with opened(tmp_path / "sessions.db") as store:
        for session in ("a", "b"):
            await store.create(SessionRecord(session, "", NOW, NOW))
        await store.add(
            "a",
            [
                answered(1, "dear", 1, 0.5),
                answered(2, "dear", 2, None, "\ud800 lone"),
                answered(3, "dear", 30, 9.0),
                Message("m4", None, "user", "hi", NOW),
            ],
            "m4",
        )
        await store.add("b", [answered(5, "cheap", 0, 0.25), answered(6, "dear", 0, 1.0)], "m5")
        totals = list(await store.usage(NOW - timedelta(hours=24)))
    assert totals == [
        UsageTotal("dear", 3, 300, 30, 150, 15, 1.5, 1),
        UsageTotal("cheap", 1, 100, 10, 50, 5, 0.25, 0),
    ]


async def test_where_nothing_was_used_there_is_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "sessions.db") as store:
        assert list(await store.usage(NOW)) == []
