"""A process that writes conversations and prints what was saved, until it is killed.

Run with the database's path and the session's id. One line a fact: ``started``, ``created``,
``added ID``, ``appended ID COUNT``, ``finished ID``, ``closed``.
"""

import asyncio
import itertools
import random
import sys
from pathlib import Path

from chatrepl.services.store import SqliteStore
from tests.support.store.store_values import message, session, streaming


def piece(id_: str, count: int) -> str:
    return f"{id_}:{count} " + "東" * (count % 50)


def whole(id_: str) -> str:
    return "".join(piece(id_, count) for count in range(int(id_.rsplit(".", 1)[1]) % 7 + 1))


async def main(path: Path, name: str) -> None:
    chance = random.Random(name)
    print("started", flush=True)
    store = SqliteStore(path)
    await store.create(session(name))
    print("created", flush=True)
    assert await store.lock(name)
    head: str | None = None
    for turn in itertools.count():
        asked, answered = f"u{name}.{turn}", f"a{name}.{turn}"
        await store.add(name, [message(asked, head, content=whole(asked))], asked)
        print("added", asked, flush=True)
        await store.begin_answer(name, streaming(answered, asked))
        for count in range(turn % 7 + 1):
            await store.append(answered, piece(answered, count), f"r{count}")
            print("appended", answered, count + 1, flush=True)
        answer = message(answered, asked, content=whole(answered))
        await store.finish_answer(name, answer, answered)
        print("finished", answered, flush=True)
        head = answered
        if chance.random() < 0.02:
            await store.close()
            print("closed", flush=True)
            store = SqliteStore(path)
            assert await store.lock(name)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
