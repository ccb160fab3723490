"""Figures under a compared answer."""

from datetime import UTC, datetime

import pytest

from chatrepl.core.conversation.metadata import format_figures
from chatrepl.core.events import AnswerEnded
from chatrepl.core.messages import Message


@pytest.mark.parametrize(
    ("elapsed_s", "told"),
    [
        (2.5, ["0.50 s to first", "≈14.5 tokens/s", "≈30 tokens"]),
        (0.7, ["0.50 s to first", "≈145 tokens/s", "≈30 tokens"]),
        (0.501, ["0.50 s to first", "≈30 tokens"]),
    ],
)
def test_an_answer_that_came_at_once_has_no_speed_and_a_high_speed_no_decimals(
    elapsed_s: float, told: list[str]
) -> None:
    message = Message("1", None, "assistant", "x", datetime(2026, 1, 1, tzinfo=UTC))
    ended = AnswerEnded(message, elapsed_s, 0.5, tokens=30, is_estimate=True)
    assert format_figures(ended) == told
