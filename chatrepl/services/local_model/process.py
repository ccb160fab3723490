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
from chatrepl.core.ports.chat_model import Secret
from chatrepl.services.files.private_files import explain_os_error

__all__ = ["Child", "check_engine", "start_child"]

_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 2.0
_INSTALL = "pip install 'chatrepl-terminal[local]'"
_SIGILL, _SIGKILL = -4, -9
_KEPT_BYTES = 4096
_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Child:
    """A server that is up."""

    process: Process
    base_url: str
    key: Secret
    context_window: int
    said: "asyncio.Task[str]"

    @property
    def is_alive(self) -> bool:
        """Say whether the process still runs."""
        return self.process.returncode is None

    async def end(self) -> None:
        """End the process now; a running answer is cut."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), _END_TIMEOUT_S)
        except TimeoutError:
            await _kill(self.process)
        await self.said


def check_engine() -> None:
    """Raise ``LocalModelError`` where the engine's package is not installed."""
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
            # By its path, so that it needs neither this package on its path nor what that loads;
            # -P keeps its neighbours there from standing in for modules of the same name.
            sys.executable, "-P", str(Path(__file__).with_name("server.py")),
            str(model), str(context_window), name,
            stdin=PIPE, stdout=PIPE, stderr=PIPE,
            # Its own session: Ctrl-C in the terminal is not for it.
            start_new_session=True,
            env={**os.environ, "CHATREPL_LOCAL_KEY": key},
        )  # fmt: skip
    except OSError as error:
        cause, hint = explain_os_error(error)
        raise LocalModelError(f"the built-in model cannot be started: {cause}", hint) from None
    said = asyncio.create_task(_listen(process))
    try:
        async with asyncio.timeout(timeout_s):
            address, window = await _greeting(process, said)
    except BaseException as error:
        await _kill(process)
        await said
        if isinstance(error, TimeoutError):
            raise LocalModelError(
                f"the built-in model did not start in {timeout_s:g} s", "/local tries again"
            ) from None
        raise
    return Child(process, f"{address}/v1", Secret(key), window, said)


async def _greeting(process: Process, said: "asyncio.Task[str]") -> tuple[str, int]:
    """Read address and context window. Raises ``LocalModelError`` where they don't come."""
    assert process.stdout is not None
    words = (await process.stdout.readline()).decode("utf-8", "replace").split()
    if len(words) == 2:
        return words[0], int(words[1])
    code = await process.wait()
    raise _why(code, await asyncio.shield(said))


async def _listen(process: Process) -> str:
    """Read what it says as it comes, for a full pipe would stop it, and keep the end of that."""
    assert process.stderr is not None
    kept = b""
    while piece := await process.stderr.read(_KEPT_BYTES):
        kept = (kept + piece)[-_KEPT_BYTES:]
    return kept.decode("utf-8", "replace")


def _why(code: int, said: str) -> LocalModelError:
    """Say why the server did not come up."""
    if "libgomp" in said:
        return LocalModelError(
            "the built-in model wants the system library libgomp",
            "on Debian and Ubuntu: apt install libgomp1",
        )
    if "No module named 'xllamacpp'" in said:
        return _no_engine()
    if code == _SIGILL:
        return LocalModelError(
            "the built-in model wants a processor with AVX2, and this processor lacks it",
            "talk to a server instead: --base-url",
        )
    if code == _SIGKILL:
        return LocalModelError("the system ended the built-in model", "it wants 400 MB of memory")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1][:_SHOWN_CHARS] if lines else f"exit code {code}"
    return LocalModelError(f"the built-in model did not start: {last}", "/local tries again")


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
