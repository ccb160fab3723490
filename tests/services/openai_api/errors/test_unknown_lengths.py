"""Context-length errors in invented wordings, which only the heuristic can recognise."""

from collections.abc import Callable
from typing import Any

import pytest

from chatrepl.core.errors import Fault
from tests.support.servers.api_requests import ask, server_at
from tests.support.servers.error_samples import error, openai_body
from tests.support.servers.sse_server import SseServer, event

TOO_LONG: list[tuple[str, int | None, int | None]] = [
    ("Prompt of 9120 tokens does not fit into the 8192 token window of this model", 8192, 9120),
    ("Your prompt exceeds the model's window (8192). It has 9120 tokens.", 8192, 9120),
    ("Sequence length 9120 is longer than the 8192 tokens this deployment accepts.", 8192, 9120),
    ("The total number of tokens (9120) exceeds the maximum sequence length of 8192", 8192, None),
    ("token limit exceeded: got 9120, limit 8192", 8192, 9120),
    ("Input too large: 9,120 tokens, but the limit for acme-1 is 8,192 tokens.", 8192, 9120),
    ("Not enough context: need 9120 tokens, have 8192", 8192, 9120),
    ("n_ctx exceeded (9120/8192)", 8192, 9120),
    ("KV cache is full: prompt (9120) > capacity (8192 tokens)", 8192, 9120),
    ("This conversation is too long for acme-chat. Start a new one or shorten it.", None, None),
    ("prompt_tokens 9120 > max_model_len 8192", 8192, 9120),
    ("Max tokens exceeded for model: 8192. Prompt tokens: 9120.", 8192, 9120),
    ("Requested tokens exceed model capacity of 8192 tokens", 8192, None),
    ("The input exceeds the context window: 9120 > 8192", 8192, 9120),
    ("ContextWindowExceededError: acme error, input is longer than the window", None, None),
    (
        "You have sent 9120 tokens which is more than the 8192 tokens allowed for this model.",
        8192,
        9120,
    ),
    ("Your messages are too long (9120 tokens). The limit is 8192 tokens.", 8192, 9120),
    ("input of 9120 tokens is over the limit of 8192 tokens", 8192, 9120),
    ("Payload too big for model: num_tokens=9120, max_input_tokens=8192", 8192, 9120),
    ("Die Eingabe ist zu lang: 9120 Tokens, erlaubt sind 8192 Tokens.", 8192, 9120),
    ("输入过长：9120 tokens，最大 8192 tokens", 8192, 9120),  # noqa: RUF001
]
OTHERS = [
    "Rate limit reached for gpt-4o: Limit 30000 tokens per min, requested 31000 tokens.",
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.",
    "'user' is too long: 300 characters, maximum is 64",
    "You exceeded your current quota of 1000000 tokens, please check your plan",
    "Too many requests: daily token limit of 500000 exceeded",
    "Invalid value for stop: at most 4 sequences are allowed",
    "max_tokens must be at least 1 and at most 4096 tokens",
    "Unrecognized request argument supplied: context_window",
    "temperature exceeds the limit of 2",
    "Request payload size exceeds the limit: 20971520 bytes",
    "413 Request Entity Too Large",
    "Request body is too large: shorten it",
    "Invalid token",
    "The access token has exceeded its maximum age of 3600 seconds",
    "image exceeds 5 MB maximum: 6000000 bytes > 5242880 bytes",
    "logit_bias: at most 300 tokens are allowed",
    "The monthly limit of 2000000 tokens for this key is used up: 2000300 tokens",
    "max_completion_tokens 9120 exceeds the limit of 8192 output tokens",
]
SHAPES: dict[str, Callable[[str], Any]] = {
    "OpenAI's": openai_body,
    "only a message": lambda text: {"message": text},
    "a detail": lambda text: {"detail": text},
    "plain text": lambda text: text,
    "a page": lambda text: f"<html><head><title>{text}</title></head><body>nginx</body></html>",
}


@pytest.mark.parametrize("status", [400, 413, 422, 500])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_refused_length_is_understood_in_words_nobody_wrote_down(status: int, shape: str) -> None:
    for text, window, prompt_tokens in TOO_LONG:
        if shape == "a page" and (">" in text or "<" in text):
            continue
        found = error(status, SHAPES[shape](text))
        assert found.fault is Fault.CONTEXT_LENGTH, text
        assert found.details.get("window") == window, text
        assert found.details.get("prompt_tokens") == prompt_tokens, text


@pytest.mark.parametrize("text", OTHERS)
@pytest.mark.parametrize("status", [400, 413, 429])
def test_what_speaks_of_time_money_bytes_or_the_answer_is_no_length(status: int, text: str) -> None:
    assert error(status, openai_body(text)).fault is not Fault.CONTEXT_LENGTH


@pytest.mark.parametrize("name", ["", "event: error\n"])
def test_a_refused_length_may_come_in_the_stream(name: str) -> None:
    text, window, prompt_tokens = TOO_LONG[0]
    with SseServer() as server:
        server.raw(name.encode() + event({"error": {"message": text}}))
        found = ask(server_at(server.base_url))
    assert found.fault is Fault.CONTEXT_LENGTH
    assert found.error is not None
    assert found.error.details["window"] == window
    assert found.error.details["prompt_tokens"] == prompt_tokens


def test_an_error_about_another_field_is_no_length() -> None:
    body = openai_body("9120 tokens are more than the 8192 tokens allowed", param="metadata")
    assert error(400, body).fault is not Fault.CONTEXT_LENGTH
