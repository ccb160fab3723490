"""Editing of a text in the user's own editor."""

import asyncio
import os
import shlex
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

_USUAL = ("nano", "vim", "vi", "emacs")


class EditorError(Exception):
    """Failure to use the editor; the message says why and what to do."""


def choose_editor(environment: Mapping[str, str]) -> list[str]:
    """Return the editor's command: ``VISUAL``, ``EDITOR``, or a usual one that is installed.

    Raises ``EditorError`` where there is none.
    """
    for name in ("VISUAL", "EDITOR"):
        if words := _words(name, environment.get(name, "")):
            return words
    for program in _USUAL:
        if shutil.which(program, path=environment.get("PATH")):
            return [program]
    raise EditorError("no editor found: set VISUAL or EDITOR")


async def edit_text(
    text: str, run_child: Callable[[Callable[[], Awaitable[int]]], Awaitable[int]]
) -> str:
    """Open the editor on a text and return the saved text, without a last line end.

    ``run_child`` gives the terminal to the editor while it runs. Raises ``EditorError``.
    """
    command = choose_editor(os.environ)
    try:
        path = _write_draft(text)
        try:

            async def run() -> int:
                process = await asyncio.create_subprocess_exec(*command, str(path))
                return await process.wait()

            code = await run_child(run)
            if code != 0:
                raise EditorError(f"{command[0]} ended with {code}; the text is as it was")
            return _read_draft(path)
        finally:
            path.unlink(missing_ok=True)
    except OSError as error:
        cause = error.strerror or str(error)
        raise EditorError(f"cannot use {command[0]}: {cause}; set VISUAL or EDITOR") from error


def _write_draft(text: str) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="chatrepl-", suffix=".md")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
        file.write(text)
    return Path(name)


def _read_draft(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n").removesuffix("\n")


def _words(name: str, value: str) -> list[str]:
    """Split the command in a variable. Raises ``EditorError``."""
    try:
        return shlex.split(value)
    except ValueError as error:
        raise EditorError(f"{name} cannot be read as a command: {error}") from error
