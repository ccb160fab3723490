"""The desktop's clipboard, written through the desktop's own program."""

import asyncio
import contextlib
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import dataclass

_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class _Program:
    """A clipboard program, and the environment variable that its desktop sets."""

    command: tuple[str, ...]
    desktop: str
    encoding: str = "utf-8"


_PROGRAMS = (
    _Program(("wl-copy", "--type", "text/plain"), "WAYLAND_DISPLAY"),
    _Program(("xclip", "-selection", "clipboard"), "DISPLAY"),
    _Program(("xsel", "--clipboard", "--input"), "DISPLAY"),
)
# Not over SSH: these write to the clipboard of the remote machine. Windows reads anything but
# UTF-16 in its old code page.
_LOCAL_PROGRAMS = (
    _Program(("pbcopy",), ""),
    _Program(("termux-clipboard-set",), ""),
    _Program(("clip.exe",), "", "utf-16"),
)


class SystemClipboard:
    """Implements the core's ``Clipboard`` port with a program chosen by the environment."""

    def __init__(self, environment: Mapping[str, str], *, timeout_s: float = _TIMEOUT_S) -> None:
        self._environment = environment
        self._timeout_s = timeout_s

    async def copy(self, text: str) -> bool:
        """Copy text with the first program that succeeds; return False if none does."""
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
        """Run a program with the text as its input; return False if it fails or times out.

        Some leave a background process that serves the clipboard: none of their output is read, as
        that would wait for its end, and it has its own session, so that Ctrl-C does not end it.
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
