"""The built-in model beside our counts: corrected estimates, exact ones, and nothing refused."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.benchmarks.token_counts import measure
from tests.support.built_in_model import need_model

pytestmark = [pytest.mark.local_model, pytest.mark.timeout(600)]


@pytest.fixture
def cache() -> Path:
    folder = Path(os.environ.get("CHATREPL_TEST_CACHE", "~/.cache/chatrepl-test")).expanduser()
    need_model(folder)
    return folder


def test_estimates_come_within_three_percent_once_the_server_has_reported(cache: Path) -> None:
    found = asyncio.run(measure(cache, 30, 28, counts=False))
    # The first ones are short: a token or two weighs much.
    assert all(abs(row.error) < 0.03 for row in found[4:])
    assert all(abs(row.error) < 0.06 for row in found[:4])
    # Our own vocabulary would be off by more than that.
    assert abs(found[-1].estimate / found[-1].reported - 1) > 0.03


def test_what_the_model_counts_itself_is_exact(cache: Path) -> None:
    found = asyncio.run(measure(cache, 6, 100, counts=True, window=512))
    assert [row.corrected for row in found] == [row.reported for row in found]
    assert found[-1].omitted > 0


def test_a_conversation_of_ten_windows_is_never_refused_for_its_length(cache: Path) -> None:
    found = asyncio.run(measure(cache, 40, 100, counts=True, window=512))
    # Three turns and the reserve fill the window: so this is more than ten of it.
    assert found[-1].omitted > 30
