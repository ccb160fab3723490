"""Background tasks, and the queue of lines to run next."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence

from chatrepl.core.text.terminal_safe import safe_line


class BackgroundTasks:
    """Tasks that run until their end or the program's; commands can be cancelled one by one."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._commands: dict[asyncio.Task[None], str] = {}

    @property
    def has_command(self) -> bool:
        """True while a command runs."""
        return bool(self._commands)

    def run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Start a task."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def run_command(self, line: str, work: Coroutine[None, None, None]) -> None:
        """Start a task that runs a command line."""
        task = self.run(work)
        self._commands[task] = safe_line(line)
        task.add_done_callback(lambda done: self._commands.pop(done, None))

    def cancel_newest(self) -> str | None:
        """Cancel the newest command, and return its line; None: there is none."""
        if not self._commands:
            return None
        task, line = self._commands.popitem()
        task.cancel()
        return line

    async def end(self) -> None:
        """Cancel all tasks, and wait for their end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class LineQueue:
    """Lines to run next; ``show`` is called with all of them, made safe, when they change."""

    def __init__(self, show: Callable[[Sequence[str]], None]) -> None:
        self._lines: deque[str] = deque()
        self._show = show
        self._added_s = 0.0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, line: str, *, is_next: bool = False) -> None:
        """Append a line; one that is run next, at once, is not shown as waiting."""
        self._lines.append(line)
        self._added_s = asyncio.get_running_loop().time()
        if not is_next:
            self._show_all()

    def pop(self) -> str:
        """Remove and return the first line."""
        line = self._lines.popleft()
        self._show_all()
        return line

    def take_last(self, before_s: float) -> str | None:
        """Remove and return the newest line; None if there is none, or it came after ``before_s``.

        Times are the event loop's.
        """
        if not self._lines or self._added_s > before_s:
            return None
        line = self._lines.pop()
        self._show_all()
        return line

    def take(self, wanted: Callable[[str], bool]) -> list[str]:
        """Remove and return all lines that ``wanted`` accepts, in order."""
        taken = [line for line in self._lines if wanted(line)]
        if taken:
            self._lines = deque(line for line in self._lines if not wanted(line))
            self._show_all()
        return taken

    def _show_all(self) -> None:
        self._show([safe_line(line) for line in self._lines])
