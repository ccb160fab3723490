from typing import Any

import pytest

from chatrepl.core.errors import Fault
from tests.support.servers.error_samples import error, openai_body
from tests.support.servers.length_samples import TOO_LONG


@pytest.mark.parametrize(
    ("status", "body", "window", "prompt_tokens"),
    [pytest.param(*case[1:], id=case[0]) for case in TOO_LONG],
)
def test_a_window_that_was_too_small_is_read_in_every_known_shape(
    status: int, body: Any, window: int | None, prompt_tokens: int | None
) -> None:
    found = error(status, body)
    assert found.fault is Fault.CONTEXT_LENGTH
    assert found.details.get("window") == window
    assert found.details.get("prompt_tokens") == prompt_tokens


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (
            413,
            "Request too large for model `a` on tokens per minute (TPM): Limit 12000, Requested 14",
        ),
        (429, "Too many tokens, please wait before trying again."),
        (400, "Rate limit exceeded: too many tokens"),
        (
            400,
            "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.",
        ),
        (400, "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"),
        (400, "The model produced too many tokens: output limit of 4096 tokens reached"),
    ],
)
def test_other_limits_are_no_window(status: int, text: str) -> None:
    assert error(status, openai_body(text)).fault is not Fault.CONTEXT_LENGTH
