"""The desktop's clipboard, through the program that the desktop has for it."""

import asyncio
import contextlib
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["SystemClipboard"]

_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class _Program:
    """A clipboard program, and the variable that says whether its desktop is there."""

    command: tuple[str, ...]
    desktop: str
    encoding: str = "utf-8"


_PROGRAMS = (
    _Program(("wl-copy", "--type", "text/plain"), "WAYLAND_DISPLAY"),
    _Program(("xclip", "-selection", "clipboard"), "DISPLAY"),
    _Program(("xsel", "--clipboard", "--input"), "DISPLAY"),
)
# These belong to the machine that they run on, which is not where the person at the other end of an
# SSH connection has a clipboard. Windows takes what is no UTF-16 for its old code page.
_LOCAL_PROGRAMS = (
    _Program(("pbcopy",), ""),
    _Program(("termux-clipboard-set",), ""),
    _Program(("clip.exe",), "", "utf-16"),
)


class SystemClipboard:
    """Implements the core's ``Clipboard``; which program serves is told by the environment."""

    def __init__(self, environment: Mapping[str, str], *, timeout_s: float = _TIMEOUT_S) -> None:
        self._environment = environment
        self._timeout_s = timeout_s

    async def copy(self, text: str) -> bool:
        """Give the text to the first clipboard program that takes it; False: none did."""
        for program in self._programs():
            path = shutil.which(program.command[0], path=self._environment.get("PATH", os.defpath))
            data = text.encode(program.encoding, "replace")
            if path and await self._feed((path, *program.command[1:]), data):
                return True
        return False

    def _programs(self) -> list[_Program]:
        programs = [program for program in _PROGRAMS if self._environment.get(program.desktop)]
        is_remote = any(self._environment.get(name) for name in ("SSH_CONNECTION", "SSH_TTY"))
        return programs if is_remote else [*programs, *_LOCAL_PROGRAMS]

    async def _feed(self, command: tuple[str, ...], data: bytes) -> bool:
        """Run a program with the text as its input; False where it fails or takes too long.

        Some leave a process behind that serves the clipboard: nothing is read of them, so that
        nothing waits for that one's end, and no signal of the terminal's ends it.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=DEVNULL,
                start_new_session=True,
                env=dict(self._environment),
            )
        except OSError:
            return False
        try:
            async with asyncio.timeout(self._timeout_s):
                await process.communicate(data)
        except (TimeoutError, OSError):
            return False
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return process.returncode == 0
