"""Python programs in a process of their own, without a network where wanted."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.support import ROOT


def run_alone(program: str, *before: str, **environment: str) -> list[str]:
    """Run a program behind a command prefix; return the words that it prints."""
    ended = subprocess.run(
        [*before, sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


def no_network() -> list[str]:
    """Return a prefix that runs a command without network; skip the test where that is refused."""
    command = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare to cut the network off with")
    if subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not allow unshare to cut the network off")
    return command
