"""The child process that serves the built-in model: start, watch, end."""

import asyncio
import contextlib
import importlib.util
import os
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path

from chatrepl.core.errors import LocalModelError
from chatrepl.core.ports.chat_model import Secret
from chatrepl.services.files.private_files import explain_os_error

_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 2.0
_INSTALL = "pip install 'chatrepl-terminal[local]'"
_SIGILL, _SIGKILL = -4, -9
_TAIL_BYTES = 4096
_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Child:
    """A running server process. ``stderr`` ends with the last 4 KB of its error output."""

    process: Process
    base_url: str
    key: Secret
    context_window: int
    stderr: "asyncio.Task[str]"

    @property
    def is_alive(self) -> bool:
        """True if the process is running."""
        return self.process.returncode is None

    async def end(self) -> None:
        """End the process at once, even while it answers."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), _END_TIMEOUT_S)
        except TimeoutError:
            await _kill(self.process)
        await self.stderr


def check_engine() -> None:
    """Raise ``LocalModelError`` if the engine's package is not installed."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise _no_engine()


def _no_engine() -> LocalModelError:
    return LocalModelError("the built-in model wants the package xllamacpp", _INSTALL)


async def start_child(
    model: Path, context_window: int, name: str, *, timeout_s: float = _START_TIMEOUT_S
) -> Child:
    """Start the server and wait until it is ready. Raises ``LocalModelError``."""
    key = secrets.token_hex(16)
    try:
        process = await asyncio.create_subprocess_exec(
            # Run by its path, so that it imports nothing of this package; -P keeps the modules
            # beside it from shadowing others of the same name.
            sys.executable, "-P", str(Path(__file__).with_name("server.py")),
            str(model), str(context_window), name,
            stdin=PIPE, stdout=PIPE, stderr=PIPE,
            # Its own session: Ctrl-C in the terminal does not reach it.
            start_new_session=True,
            env={**os.environ, "CHATREPL_LOCAL_KEY": key},
        )  # fmt: skip
    except OSError as error:
        cause, hint = explain_os_error(error)
        raise LocalModelError(f"the built-in model cannot be started: {cause}", hint) from None
    stderr = asyncio.create_task(_tail_of_stderr(process))
    try:
        async with asyncio.timeout(timeout_s):
            address, window = await _first_line(process, stderr)
    except BaseException as error:
        await _kill(process)
        await stderr
        if isinstance(error, TimeoutError):
            raise LocalModelError(
                f"the built-in model did not start in {timeout_s:g} s", "/local tries again"
            ) from None
        raise
    return Child(process, f"{address}/v1", Secret(key), window, stderr)


async def _first_line(process: Process, stderr: "asyncio.Task[str]") -> tuple[str, int]:
    """Read the server's address and context window. Raises ``LocalModelError`` if it fails."""
    assert process.stdout is not None
    words = (await process.stdout.readline()).decode("utf-8", "replace").split()
    if len(words) == 2:
        return words[0], int(words[1])
    code = await process.wait()
    raise _start_error(code, await asyncio.shield(stderr))


async def _tail_of_stderr(process: Process) -> str:
    """Read the error output to its end, lest a full pipe blocks the process; return its tail."""
    assert process.stderr is not None
    tail = b""
    while piece := await process.stderr.read(_TAIL_BYTES):
        tail = (tail + piece)[-_TAIL_BYTES:]
    return tail.decode("utf-8", "replace")


def _start_error(code: int, stderr: str) -> LocalModelError:
    """Explain why the server did not start, from its exit code and error output."""
    if "libgomp" in stderr:
        return LocalModelError(
            "the built-in model wants the system library libgomp",
            "on Debian and Ubuntu: apt install libgomp1",
        )
    if "No module named 'xllamacpp'" in stderr:
        return _no_engine()
    if code == _SIGILL:
        return LocalModelError(
            "the built-in model wants a processor with AVX2, and this processor lacks it",
            "talk to a server instead: --base-url",
        )
    if code == _SIGKILL:
        return LocalModelError("the system ended the built-in model", "it wants 400 MB of memory")
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    last = lines[-1][:_SHOWN_CHARS] if lines else f"exit code {code}"
    return LocalModelError(f"the built-in model did not start: {last}", "/local tries again")


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
