"""``llm``'s database as the core wants it: read on a thread of its own, one conversation a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chatrepl.core.errors import UsageError
from chatrepl.services.files.private_files import explain_os_error

if TYPE_CHECKING:
    from chatrepl.core.transcript import Transcript

__all__ = ["LlmLogs"]


class LlmLogs:
    """Implements the core's ``ForeignLogs``; nothing is imported before it is needed."""

    def is_database(self, path: str) -> bool:
        """Say whether a file is an SQLite database."""
        from chatrepl.services.llm_import.reader import is_sqlite

        try:
            file = Path(path).expanduser()
            # Opening a pipe that nobody writes to would wait for ever.
            return file.is_file() and is_sqlite(file)
        except (OSError, ValueError, RuntimeError) as error:
            reason = explain_os_error(error)[0] if isinstance(error, OSError) else str(error)
            raise UsageError(f"cannot read {path}: {reason}") from None

    async def read(
        self, path: str, *, new_id: Callable[[], str], now: datetime
    ) -> AsyncIterator["tuple[Transcript, int, int]"]:
        """Yield each conversation with how many were read, of how many."""
        from chatrepl.services.llm_import.reader import read_llm_logs

        progress = [0, 0]

        def report(done: int, total: int) -> None:
            progress[:] = done, total

        file = await asyncio.to_thread(Path(path).expanduser)
        found = read_llm_logs(file, new_id=new_id, now=now, on_progress=report)
        loop = asyncio.get_running_loop()
        # SQLite wants one thread for all of a connection's life.
        with ThreadPoolExecutor(1, thread_name_prefix="chatrepl-import") as thread:
            try:
                while (transcript := await loop.run_in_executor(thread, _next, found)) is not None:
                    yield transcript, progress[0], progress[1]
            finally:
                thread.submit(found.close)  # type: ignore[attr-defined]


def _next(found: "Iterator[Transcript]") -> "Transcript | None":
    return next(found, None)
