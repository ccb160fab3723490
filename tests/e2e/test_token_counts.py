"""Token counts beside those of the built-in model."""

import os
from pathlib import Path

import pytest

from tests.benchmarks.token_counts import measure
from tests.support.local_model.built_in_model import need_model

pytestmark = [pytest.mark.local_model, pytest.mark.timeout(600)]


@pytest.fixture
def cache() -> Path:
    folder = Path(os.environ.get("CHATREPL_TEST_CACHE", "~/.cache/chatrepl-test")).expanduser()
    need_model(folder)
    return folder


async def test_each_prompt_counts_what_the_server_reports_of_it(cache: Path) -> None:
    found = await measure(cache, 30, 28)
    # The server counts for itself, before anything is sent.
    assert [row.counted for row in found] == [row.reported for row in found]
    # Without that, what it reported before would do. The fourth, still short, brings a word that
    # the model's small vocabulary cuts in more tokens than any text before it.
    assert all(abs(row.error) < 0.03 for row in found if row.turn != 4)
    assert abs(found[3].error) < 0.04
    # Our own vocabulary would be off by more than that.
    assert abs(found[-1].estimate / found[-1].reported - 1) > 0.03


async def test_a_conversation_of_ten_windows_is_never_refused_for_its_length(cache: Path) -> None:
    window = 256
    found = await measure(cache, 26, 60, window=window)
    assert [row.counted for row in found] == [row.reported for row in found]
    # A turn is what its prompt counts without the turns before it, which fit with it.
    turn_tokens = found[0].reported
    assert turn_tokens * len(found) > 10 * window
    assert found[-1].omitted > 20
    assert all(row.reported <= window - 8 for row in found)
