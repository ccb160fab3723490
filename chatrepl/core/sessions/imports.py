"""Imports: the conversations of a file, read one after the other without blocking the prompt."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from chatrepl.core.errors import UsageError
from chatrepl.core.events import Progress

if TYPE_CHECKING:
    from chatrepl.core.ports.system import Files
    from chatrepl.core.transcript import Transcript


class ForeignLogs(Protocol):
    """Reader of another program's databases of conversations."""

    def is_database(self, path: str) -> bool:
        """Return whether a file is a database. Raises ``UsageError`` where it cannot be read."""

    def read(
        self, path: str, *, new_id: Callable[[], str], now: datetime
    ) -> AsyncIterator["tuple[Transcript, int, int]"]:
        """Yield each conversation with the counts of those read and of all.

        Raises ``UsageError``.
        """


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

    Reads every JSON form of ``core.transcript``, and databases. ``on_fault`` is called, in a
    thread, with the reason why one of several is left out. Raises ``UsageError`` where nothing can
    be read from there on; what was yielded before is good.
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
    while (transcript := await asyncio.to_thread(next, found, None)) is not None:
        yield transcript
        yield Progress(label, characters, len(text), "characters")
    yield Progress(label, len(text), len(text), "characters")
