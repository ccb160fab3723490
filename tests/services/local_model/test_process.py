import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chatrepl.core.errors import LocalModelError
from chatrepl.services.local_model import BuiltInModel
from chatrepl.services.local_model.process import start_child
from tests.support import ROOT
from tests.support.local_model.fake_engine import (
    Fakes,
    is_running,
    prepared,
    put_weights,
    until,
)

pytestmark = [pytest.mark.process, pytest.mark.timeout(60)]


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    file = tmp_path / "My.Model-Q4.gguf"
    file.write_bytes(b"GGUF and more")
    return file


async def failure(model: BuiltInModel) -> str:
    """Prepare the model, and return the error; there is no server then."""
    with pytest.raises(LocalModelError) as caught:
        await prepared(model)
    seen = str(caught.value)
    with pytest.raises(LocalModelError, match="not up"):
        model.server()
    assert "\n" not in seen
    return seen


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (
            "raise ImportError('libgomp.so.1: cannot open shared object file')",
            "apt install libgomp1",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "this processor lacks it"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "400 MB of memory"),
        ("raise ModuleNotFoundError(\"No module named 'xllamacpp'\")", "pip install 'chatrepl-"),
        ("raise SystemExit(7)", "did not start: exit code 7"),
        ("raise RuntimeError('Failed to init server')", "RuntimeError: Failed to init server"),
        ("import sys; sys.exit('x' * 10_000_000)", "x" * 200),
        ("import os; os.write(2, b'\\xff\\xff'); os._exit(1)", "did not start: \ufffd"),
    ],
)
async def test_an_engine_that_does_not_come_up_is_one_line(
    fakes: Fakes, cache: Path, gguf: Path, program: str, says: str
) -> None:
    fakes.module("xllamacpp", program)
    assert says in await failure(BuiltInModel(cache, gguf=gguf))


async def test_without_the_engine_the_error_names_the_extra(
    cache: Path, gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    assert "pip install 'chatrepl-terminal[local]'" in await failure(BuiltInModel(cache, gguf=gguf))


async def test_an_engine_that_takes_too_long_is_ended(fakes: Fakes, gguf: Path) -> None:
    fakes.engine("import time; time.sleep(100)")
    with pytest.raises(LocalModelError, match="did not start in 1 s"):
        await start_child(gguf, 8192, "x", timeout_s=1)
    assert not any(is_running(pid) for pid in fakes.pids())


async def test_a_file_of_the_users_is_checked_before_anything_is_started(
    fakes: Fakes, cache: Path, tmp_path: Path
) -> None:
    fakes.engine()
    other = tmp_path / "other.gguf"
    other.write_text("a letter")
    assert "is not a GGUF file" in await failure(BuiltInModel(cache, gguf=other))
    assert "No such file" in await failure(BuiltInModel(cache, gguf=tmp_path / "none.gguf"))
    assert "Is a directory" in await failure(BuiltInModel(cache, gguf=tmp_path))
    assert not fakes.starts.exists()


async def test_a_file_of_the_users_gives_its_name_and_no_more_context_than_it_was_trained_for(
    fakes: Fakes, cache: Path, gguf: Path
) -> None:
    fakes.engine()
    model = BuiltInModel(cache, gguf=gguf, context_window=4096)
    assert (model.name, model.context_window) == ("My.Model-Q4", 4096)
    assert model.is_fetched()
    await prepared(model)
    assert model.context_window == 2048
    await model.close()
    assert not cache.exists()


async def test_a_damaged_file_is_told_and_removed(fakes: Fakes, cache: Path) -> None:
    fakes.module("xllamacpp", "raise RuntimeError('Failed to init server')")
    weights = put_weights(cache)
    assert "was damaged, and is removed — /local fetches it again" in await failure(
        BuiltInModel(cache)
    )
    assert not weights.exists()


async def test_any_number_of_callers_share_one_start(fakes: Fakes, cache: Path, gguf: Path) -> None:
    fakes.engine()
    model = BuiltInModel(cache, gguf=gguf)
    seen = await asyncio.gather(*(prepared(model) for _ in range(5)))
    assert len(fakes.pids()) == 1
    assert len({model.server().base_url for _ in seen}) == 1
    for progress in seen:
        assert progress[-1].done == progress[-1].total > 0
    assert await prepared(model) == []
    await model.close()


async def test_a_start_that_nobody_waits_for_any_more_is_ended(
    fakes: Fakes, cache: Path, gguf: Path
) -> None:
    fakes.engine("import time; time.sleep(100)")
    model = BuiltInModel(cache, gguf=gguf)
    task = asyncio.create_task(prepared(model))
    await until(lambda: fakes.starts.exists() and bool(fakes.pids()))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not is_running(fakes.pids()[0])


async def test_what_failed_is_tried_again(fakes: Fakes, cache: Path, gguf: Path) -> None:
    fakes.module("xllamacpp", "raise RuntimeError('busy')")
    model = BuiltInModel(cache, gguf=gguf)
    for _ in range(2):
        with pytest.raises(LocalModelError, match="busy"):
            await prepared(model)
    fakes.engine()
    await prepared(model)
    assert model.server().is_local
    await model.close()


async def test_a_server_that_died_is_started_again(fakes: Fakes, cache: Path, gguf: Path) -> None:
    fakes.engine()
    model = BuiltInModel(cache, gguf=gguf)
    await prepared(model)
    before = model.server()
    os.kill(fakes.pids()[0], signal.SIGKILL)
    with pytest.raises(LocalModelError, match="not up"):
        while True:
            model.server()
            await asyncio.sleep(0.01)
    await prepared(model)
    after = model.server()
    assert after.base_url != before.base_url
    assert after.api_key != before.api_key
    await model.close()


async def test_a_server_that_says_much_before_it_is_ready_comes_up(
    fakes: Fakes, cache: Path, gguf: Path
) -> None:
    fakes.engine("os.write(2, b'x' * 1_000_000)")
    model = BuiltInModel(cache, gguf=gguf)
    await prepared(model)
    await model.close()


async def test_ctrl_c_in_the_terminal_does_not_reach_the_server(
    fakes: Fakes, cache: Path, gguf: Path
) -> None:
    fakes.engine()
    model = BuiltInModel(cache, gguf=gguf)
    await prepared(model)
    assert os.getsid(fakes.pids()[0]) != os.getsid(0)
    await model.close()
    assert not is_running(fakes.pids()[0])


async def test_the_key_is_not_among_the_arguments_that_all_can_see(
    fakes: Fakes, cache: Path, gguf: Path
) -> None:
    fakes.engine()
    model = BuiltInModel(cache, gguf=gguf)
    await prepared(model)
    key = model.server().api_key
    assert key is not None
    shown = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(fakes.pids()[0])], capture_output=True, text=True
    ).stdout
    assert "server.py" in shown
    assert key.value not in shown
    await model.close()


HOLD = """
import asyncio, pathlib, sys
from chatrepl.services.local_model import BuiltInModel

async def main():
    model = BuiltInModel(pathlib.Path(sys.argv[1]), gguf=pathlib.Path(sys.argv[2]))
    async for progress in model.prepare():
        pass
    print("up", flush=True)
    await asyncio.sleep(100)

asyncio.run(main())
"""


async def test_the_server_ends_with_its_parent_however_that_ends(
    fakes: Fakes, cache: Path, gguf: Path
) -> None:
    fakes.engine()
    parent = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(cache), str(gguf)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ['PYTHONPATH']}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    assert is_running(fakes.pids()[0])
    parent.kill()
    parent.wait()
    parent.stdout.close()
    await until(lambda: not is_running(fakes.pids()[0]))


async def test_modules_in_the_current_folder_are_not_the_servers(
    fakes: Fakes, cache: Path, gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.engine()
    for name in ("json", "http"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken from the current folder')")
    monkeypatch.chdir(tmp_path)
    model = BuiltInModel(cache, gguf=Path(gguf.name))
    await prepared(model)
    await model.close()
