"""The journal of an answer that is arriving."""

import asyncio

import pytest

from chatrepl.core.sessions.journal import Journal
from tests.support.fakes import World


@pytest.mark.parametrize("steps", range(6))
async def test_closing_a_journal_ends_while_a_long_text_is_being_written(steps: int) -> None:
    world = World()
    appended: list[str] = []

    async def append(message_id: str, text: str, reasoning: str) -> None:
        appended.append(text)

    world.store.append = append  # type: ignore[method-assign]
    journal = Journal(world.store, "a")
    journal.add("first")
    await asyncio.sleep(0.02)
    journal.add("plenty " * 1000)
    for _ in range(steps):
        await asyncio.sleep(0)
    closing = asyncio.create_task(journal.close())
    done, _ = await asyncio.wait([closing], timeout=5)
    assert done, "it goes on writing"
    assert appended[0] == "first"
