"""Another program on the same screen, whose output stays where it was written."""

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from chatrepl.terminal.prompt.prompt import LivePrompt

__all__ = ["run_shown"]

_T = TypeVar("_T")


async def run_shown(prompt: "LivePrompt", child: Callable[[], Awaitable[_T]]) -> _T:
    """Give the terminal to a program, below all that was printed; the prompt comes below it."""
    await prompt.ready()

    async def run() -> _T:
        try:
            return await child()
        finally:
            with suppress(OSError):
                os.write(1, _fresh_line(prompt.columns))

    return await prompt.run_child(run)


def _fresh_line(columns: int) -> bytes:
    """Go to the next line only if something stands in this one: then the blanks do not fit it."""
    return b" " * (columns - 1) + b"\r\x1b[K"
