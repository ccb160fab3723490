"""Fake engine and pip for the built-in model, and helpers that prepare it."""

import asyncio
import os
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from chatrepl.core.events import Progress
from chatrepl.services.local_model import BuiltInModel

__all__ = [
    "MODEL_BYTES",
    "MODEL_FILE",
    "Fakes",
    "is_running",
    "prepared",
    "put_weights",
    "until",
]

MODEL_BYTES = 98_362_432
MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"

ENGINE = """
import http.server, json, os, threading

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        about = {"data": [{"meta": {"n_ctx": 8192, "n_ctx_train": 2048}}]}
        body = json.dumps(about).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass

class CommonParams:
    def __init__(self):
        self.model = type("Model", (), {})()
        self.cpuparams = self.cpuparams_batch = type("Threads", (), {})()

class Server:
    def __init__(self, parameters):
        with open(os.environ["STARTS"], "a") as file:
            print(os.getpid(), file=file)
        BEFORE_READY
        serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        self.listening_address = "http://127.0.0.1:%d" % serving.server_port
"""
"""An engine that serves as the real one does, without a model."""


class Fakes:
    """Fake modules that shadow the real ones in every child process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self.starts = folder / "starts"
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.setenv("STARTS", str(self.starts))
        monkeypatch.syspath_prepend(str(folder))

    def pip(self, program: str) -> None:
        package = self._folder / "pip"
        package.mkdir()
        (package / "__init__.py").touch()
        before = "import os, pathlib, signal, sys, time, zipfile\n"
        before += "place = pathlib.Path(os.environ['TMPDIR'])\n"
        (package / "__main__.py").write_text(before + textwrap.dedent(program))

    def engine(self, before_ready: str = "pass") -> None:
        self.module("xllamacpp", ENGINE.replace("BEFORE_READY", before_ready))

    def module(self, name: str, program: str) -> None:
        (self._folder / f"{name}.py").write_text(textwrap.dedent(program))

    def pids(self) -> list[int]:
        return [int(line) for line in self.starts.read_text().split()]


def put_weights(cache: Path, size: int = MODEL_BYTES) -> Path:
    """Create a file of zeros in place of the weights."""
    file = cache / "models" / MODEL_FILE
    file.parent.mkdir(parents=True)
    with file.open("wb") as out:
        out.truncate(size)
    return file


async def prepared(model: BuiltInModel) -> list[Progress]:
    return [progress async for progress in model.prepare()]


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and ") Z " in state.read_text())
