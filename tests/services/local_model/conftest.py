import os
from pathlib import Path

import pytest

from tests.support.local_model.built_in_model import need_model
from tests.support.local_model.fake_engine import Fakes


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    folder = tmp_path / "fakes"
    folder.mkdir()
    return Fakes(folder, monkeypatch)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def filled_cache() -> Path:
    """A cache that outlives the run, so that the model is downloaded once."""
    named = os.environ.get("CHATREPL_TEST_CACHE", "~/.cache/chatrepl-test")
    folder = Path(named).expanduser()
    need_model(folder)
    return folder
