"""Run a few lines of Python in a process of their own, with the network cut off where wanted."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.support import ROOT


def run_alone(program: str, *before: str, **environment: str) -> list[str]:
    ended = subprocess.run(
        [*before, sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


def no_network() -> list[str]:
    """Return what runs a command where no network interface is up; skip where that is refused."""
    command = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare to cut the network off with")
    if subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not allow unshare to cut the network off")
    return command
