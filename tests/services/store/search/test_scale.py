"""Cost of store operations, independent of the number of sessions in the database."""

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from chatrepl.services.store import SqliteStore
from tests.support.store.store_values import at, message, opened, session, streaming


class Steps:
    """Counts the steps of SQLite's virtual machine, which are independent of the machine's load."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.taken = 0

    def _count(self) -> int:
        self.taken += 1
        return 0

    async def of(self, work: Coroutine[Any, Any, object]) -> int:
        await self._watch(True)
        self.taken = 0
        await work
        # What is indexed behind the work is not part of it.
        taken = self.taken
        await self._watch(False)
        return taken

    async def _watch(self, on: bool) -> None:
        await self.store._run(
            lambda opened: opened.database.connection.set_progress_handler(
                self._count if on else None, 1
            )
        )


async def fill(store: SqliteStore, sessions: int) -> None:
    for s in range(sessions):
        id_ = f"{s:04}-session"
        await store.create(session(id_, name=f"name {s}", updated=at(s)))
        path = [message("u" + id_)]
        for n in range(30):
            path.append(message(f"a{n}{id_}", path[-1].id))
        await store.add(id_, path, path[-1].id)
        await store.set_counts({(path[0].id, "o200k"): 5})
        if s % 10 == 9:
            await store.delete(id_)


async def costs(path: Path, sessions: int) -> dict[str, int]:
    store = SqliteStore(path)
    await fill(store, sessions)
    await store.close()
    store = SqliteStore(path)
    steps = Steps(store)
    id_ = f"{sessions // 2:04}-session"
    result = {"newest": await steps.of(store.newest())}
    result["newest"] = await steps.of(store.newest())
    result["load"] = await steps.of(store.load(id_))
    result["list"] = await steps.of(store.sessions(limit=1))
    result["name"] = await steps.of(store.find(f"name {sessions // 2}"))
    result["prefix"] = await steps.of(store.find(id_[:5]))
    result["send"] = await steps.of(store.add(id_, [message("new", f"a29{id_}")], "new"))
    result["begin"] = await steps.of(store.begin_answer(id_, streaming("answer", "new")))
    result["append"] = await steps.of(store.append("answer", "text", ""))
    result["finish"] = await steps.of(store.finish_answer(id_, message("answer", "new"), "answer"))
    await store.close()
    return result


async def test_the_steps_of_every_everyday_call_are_the_same_among_many_sessions(
    tmp_path: Path,
) -> None:
    few = await costs(tmp_path / "few.db", 2)
    many = await costs(tmp_path / "many.db", 200)
    assert {call: taken for call, taken in many.items() if taken > 1.2 * few[call] + 20} == {}


async def test_appending_costs_the_same_at_the_end_of_a_long_answer_as_at_its_beginning(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "s.db") as store:
        await store.create(session())
        await store.begin_answer("s1", streaming("a1"))
        steps = Steps(store)
        taken = [await steps.of(store.append("a1", "x" * 2000, "")) for _ in range(300)]
    assert max(taken[1:]) <= 1.2 * taken[0] + 20
