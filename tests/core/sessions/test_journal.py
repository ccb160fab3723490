import asyncio

import pytest

from chatrepl.core.sessions.journal import Journal
from tests.support.fakes import World


@pytest.mark.parametrize("steps", range(6))
def test_an_answer_that_ends_in_the_moment_of_plenty_ends(steps: int) -> None:
    world = World()

    async def run() -> None:
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

    asyncio.run(run())
