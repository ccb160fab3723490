"""Commands in the user's shell, on the user's terminal."""

import asyncio
import codecs
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from chatrepl.core.errors import UsageError
from chatrepl.core.ports.system import ShellResult
from chatrepl.core.text.terminal_safe import TextCleaner
from chatrepl.services.files.private_files import error_text

_MOST_CHARS = 256 * 1024
_READ_BYTES = 65536
_CUT_NOTE = "\n[… the rest is left out]\n"

HandOver = Callable[[Callable[[], Awaitable[ShellResult]]], Awaitable[ShellResult]]
"""Runs a coroutine function that has the terminal to itself until it returns."""


class SystemShell:
    """Implements the core's ``Shell`` port with ``$SHELL``, else ``/bin/sh``.

    ``hand_over`` None: there is no interactive terminal, so the command gets no input.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.hand_over: HandOver | None = None

    async def run(self, command: str, *, capture: bool) -> ShellResult:
        """Run a command to its end. Raises ``UsageError`` if the shell cannot be run."""
        if self.hand_over is None:
            return await self._run(command, capture=capture, stdin=DEVNULL)
        return await self.hand_over(lambda: self._run(command, capture=capture, stdin=None))

    async def _run(self, command: str, *, capture: bool, stdin: int | None) -> ShellResult:
        shell = self._environment.get("SHELL") or "/bin/sh"
        try:
            process = await asyncio.create_subprocess_exec(
                shell,
                "-c",
                command,
                stdin=stdin,
                stdout=PIPE if capture else None,
                stderr=STDOUT if capture else None,
                env=dict(self._environment),
            )
        except (OSError, ValueError) as error:
            message = f"{shell} cannot be run: {error_text(error)}"
            raise UsageError(message, "see the variable SHELL") from None
        try:
            output = await _show_and_capture(process) if capture else ""
            return ShellResult(await process.wait(), output)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


async def _show_and_capture(process: Process) -> str:
    """Show output as it arrives, without control sequences; return it unchanged, but bounded."""
    assert process.stdout is not None
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    cleaner = TextCleaner()
    captured: list[str] = []
    captured_chars = 0
    while True:
        data = await process.stdout.read(_READ_BYTES)
        text = decoder.decode(data, final=not data)
        _show(cleaner.feed(text))
        if captured_chars < _MOST_CHARS:
            captured.append(text[: _MOST_CHARS - captured_chars])
        elif text and captured[-1] != _CUT_NOTE:
            captured.append(_CUT_NOTE)
        captured_chars += len(text)
        if not data:
            _show(cleaner.finish())
            return "".join(captured)


def _show(text: str) -> None:
    data = text.encode(sys.stdout.encoding or "utf-8", "replace")
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        while data:
            data = data[os.write(1, data) :]
