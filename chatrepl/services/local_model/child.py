"""Start, watch and end the process that serves the built-in model."""

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
from chatrepl.core.ports import Secret

__all__ = ["Child", "check_engine", "start_child"]

_START_TIMEOUT_S = 60
_END_TIMEOUT_S = 5
_INSTALL = "pip install 'chatrepl-terminal[local]'"
_SIGILL, _SIGKILL = -4, -9


@dataclass(frozen=True, slots=True)
class Child:
    """A server that is up."""

    process: Process
    base_url: str
    key: Secret
    draining: "asyncio.Task[None]"

    @property
    def is_alive(self) -> bool:
        """Say whether the process still runs."""
        return self.process.returncode is None

    async def end(self) -> None:
        """End the process now; a running answer is cut."""
        await _end(self.process)
        await self.draining


def check_engine() -> None:
    """Raise ``LocalModelError`` where the engine's package is not installed."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise LocalModelError("the built-in model wants the package xllamacpp", _INSTALL)


async def start_child(model: Path, context_window: int, name: str) -> Child:
    """Start the server and wait until it is ready. Raises ``LocalModelError``."""
    key = secrets.token_hex(16)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chatrepl.services.local_model.server",
        str(model), str(context_window), name,
        stdin=PIPE, stdout=PIPE, stderr=PIPE,
        # Its own session: Ctrl-C in the terminal is not for it.
        start_new_session=True,
        env={**os.environ, "CHATREPL_LOCAL_KEY": key},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _START_TIMEOUT_S)
        if not line:
            raise await _why(process)
    except TimeoutError:
        await _end(process)
        raise LocalModelError(f"the built-in model did not start in {_START_TIMEOUT_S} s") from None
    except BaseException:
        await _end(process)
        raise
    draining = asyncio.create_task(_drain(process))
    return Child(process, line.decode().strip() + "/v1", Secret(key), draining)


async def _drain(process: Process) -> None:
    """Read on, for a pipe that is full would stop the server."""
    assert process.stderr is not None
    while await process.stderr.read(4096):
        continue


async def _why(process: Process) -> LocalModelError:
    """Say why the server did not come up."""
    assert process.stderr is not None
    said = (await process.stderr.read()).decode("utf-8", "replace")
    code = await process.wait()
    if "libgomp" in said:
        return LocalModelError(
            "the built-in model wants the system library libgomp",
            "on Debian and Ubuntu: apt install libgomp1",
        )
    if code == _SIGILL:
        return LocalModelError("the built-in model wants a processor with AVX2, which this is not")
    if code == _SIGKILL:
        return LocalModelError("the system ended the built-in model", "it wants 400 MB of memory")
    last = (said.strip().split("\n") or [""])[-1]
    return LocalModelError(f"the built-in model did not start: {last or f'exit code {code}'}")


async def _end(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _END_TIMEOUT_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
