"""Conversations that come in from files: read in the background, one after the other."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from chatrepl.core.errors import UsageError
from chatrepl.core.events import Progress

if TYPE_CHECKING:
    from chatrepl.core.ports.system import Files
    from chatrepl.core.transcript import Transcript

__all__ = ["ForeignLogs", "read_conversations"]

Report = Callable[[int, int], None]


class ForeignLogs(Protocol):
    """Databases in which another program keeps conversations."""

    def is_database(self, path: str) -> bool:
        """Say whether a file is a database. Raises ``UsageError`` where it cannot be read."""
        ...

    def read(
        self, path: str, *, new_id: Callable[[], str], now: datetime
    ) -> AsyncIterator["tuple[Transcript, int, int]"]:
        """Yield each conversation with how many were read, of how many. Raises ``UsageError``."""
        ...


async def read_conversations(
    path: str,
    files: "Files",
    logs: ForeignLogs | None,
    *,
    new_id: Callable[[], str],
    now: datetime,
    on_fault: Callable[[UsageError], None],
) -> AsyncIterator["Transcript | Progress"]:
    """Yield the conversations of a file in its order, with the progress made.

    Reads every JSON form of ``core.transcript``, and databases. ``on_fault`` is told, in a thread,
    why one of several is left out. Raises ``UsageError`` where nothing can be read from there on;
    what came before it is good.
    """
    label = "reading " + path.replace("\\", "/").rpartition("/")[2]
    if logs is not None and logs.is_database(path):
        async for read, done, total in logs.read(path, new_id=new_id, now=now):
            yield read
            yield Progress(label, done, total, "conversations")
        return
    from chatrepl.core.transcript import iter_json

    text = await files.read(path)
    characters = 0

    def report(done: int, _total: int) -> None:
        nonlocal characters
        characters = done

    found = iter_json(text, new_id=new_id, now=now, on_progress=report, on_fault=on_fault)
    # In a thread: a long conversation must not hold up the prompt while it is read.
    while True:
        transcript: Transcript | None = await asyncio.to_thread(_next, found)
        if transcript is None:
            break
        yield transcript
        yield Progress(label, characters, len(text), "characters")
    yield Progress(label, len(text), len(text), "characters")


def _next(found: "Iterator[Transcript]") -> "Transcript | None":
    return next(found, None)
