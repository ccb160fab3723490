"""Expensive modules are imported after the first prompt, the SDK at the first request."""

import subprocess
import sys

import pytest

from tests.support import ROOT

LIBRARIES = {"genai_prices", "httpx2", "openai", "rich", "sqlite3", "tiktoken"}


@pytest.mark.parametrize(
    ("module", "expensive"),
    [
        ("chatrepl.cli.modes.interactive", {*LIBRARIES, "chatrepl.core.session"}),
        ("chatrepl.cli.modes.conversation", LIBRARIES),
        ("chatrepl.cli.modes.one_shot", LIBRARIES),
    ],
)
def test_expensive_modules_are_not_imported_at_the_start(module: str, expensive: set[str]) -> None:
    code = f"import sys, chatrepl.cli.main, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not expensive & set(done.stdout.split())
