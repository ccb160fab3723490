"""The desktop's clipboard, through the program that the desktop has for it."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence

__all__ = ["SystemClipboard"]

_TIMEOUT_S = 3.0


class SystemClipboard:
    """Implements the core's ``Clipboard``."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    async def copy(self, text: str) -> bool:
        """Give the text to the first clipboard program that takes it."""
        data = text.encode("utf-8", "replace")
        for command in self._commands():
            if shutil.which(command[0]) and await _feed(command, data):
                return True
        return False

    def _commands(self) -> list[Sequence[str]]:
        commands: list[Sequence[str]] = [("pbcopy",)]
        if self._environment.get("WAYLAND_DISPLAY"):
            commands.append(("wl-copy",))
        if self._environment.get("DISPLAY"):
            commands += [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")]
        commands.append(("clip.exe",))
        return commands


async def _feed(command: Sequence[str], data: bytes) -> bool:
    """Run a program with the text as its input; False where it fails or takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            # Some stay alive to serve the clipboard: nothing may wait for their output's end.
            *command,
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    try:
        await asyncio.wait_for(process.communicate(data), _TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
    except OSError:
        return False
    return process.returncode == 0
