from typing import Any

import pytest

from chatrepl.core.errors import Fault
from tests.support.servers.error_samples import error, openai_body
from tests.support.servers.length_samples import MORE_TOO_LONG

TOO_LONG: list[tuple[str, int, Any, int | None, int | None]] = [
    (
        "OpenAI",
        400,
        openai_body(
            "This model's maximum context length is 8192 tokens. However, your messages resulted "
            "in 9000 tokens. Please reduce the length of the messages.",
            param="messages",
            code="context_length_exceeded",
        ),
        8192,
        9000,
    ),
    (
        "OpenAI and Azure, with room for the answer",
        400,
        openai_body(
            "This model's maximum context length is 8,192 tokens. However, you requested 9,000 "
            "tokens (8,000 in the messages, 1,000 in the completion).",
            code="context_length_exceeded",
        ),
        8192,
        8000,
    ),
    (
        "vLLM",
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 2048 tokens. However, your request "
            "has 2500 input tokens. Please reduce the length of the input messages. None",
            "code": 400,
        },
        2048,
        2500,
    ),
    (
        "vLLM, max_tokens",
        400,
        openai_body(
            "'max_tokens' or 'max_completion_tokens' is too large: 9000. This model's maximum "
            "context length is 8192 tokens and your request has 20 input tokens (9000 > 8192 - 20)."
        ),
        8192,
        20,
    ),
    (
        "vLLM, prompt",
        400,
        openai_body(
            "The decoder prompt (length 9000) is longer than the maximum model length of 8192."
        ),
        8192,
        9000,
    ),
    (
        "vLLM, latest",
        400,
        openai_body(
            "You passed 9001 input tokens and requested 0 output tokens. However, the model's "
            "context length is only 8192 tokens, resulting in a maximum input length of 8191 "
            "tokens."
        ),
        8192,
        9001,
    ),
    (
        "SGLang",
        400,
        openai_body(
            "Requested token count exceeds the model's maximum context length of 8192 tokens. You "
            "requested a total of 9000 tokens: 8500 tokens from the input messages and 500 tokens "
            "for the completion."
        ),
        8192,
        8500,
    ),
    (
        "SGLang, prompt",
        400,
        openai_body(
            "The input (9000 tokens) is longer than the model's context length (8192 tokens)."
        ),
        8192,
        9000,
    ),
    (
        "llama.cpp, with fields",
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9000,
                "n_ctx": 4096,
            }
        },
        4096,
        9000,
    ),
    (
        "llama.cpp, in words, as a server's failure",
        500,
        openai_body(
            "request (9000 tokens) exceeds the available context size (4096 tokens), try "
            "increasing it"
        ),
        4096,
        9000,
    ),
    ("Ollama", 400, {"error": "the input length exceeds the context length"}, None, None),
    (
        "LM Studio",
        400,
        {
            "error": "Trying to keep the first 9000 tokens when context the overflows. However, "
            "the model is loaded with context length of only 4096 tokens, which is not enough."
        },
        4096,
        9000,
    ),
    (
        "OpenRouter",
        400,
        openai_body(
            "This endpoint's maximum context length is 8192 tokens. However, you requested about "
            "9000 tokens (8500 of text input, 500 in the output)."
        ),
        8192,
        8500,
    ),
    (
        "Anthropic",
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "prompt is too long: 210000 tokens > 200000 maximum",
            },
        },
        200000,
        210000,
    ),
    (
        "Anthropic, max_tokens",
        400,
        openai_body(
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease "
            "input length or `max_tokens` and try again"
        ),
        200000,
        190000,
    ),
    (
        "Gemini",
        400,
        openai_body(
            "The input token count (1200000) exceeds the maximum number of tokens allowed "
            "(1048576)."
        ),
        1048576,
        1200000,
    ),
    (
        "Mistral",
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with "
            "32768 maximum context length",
        },
        32768,
        40000,
    ),
    (
        "xAI",
        400,
        {
            "error": "This model's maximum prompt length is 131072 but the request contains 140000 "
            "tokens."
        },
        131072,
        140000,
    ),
    (
        "Groq",
        400,
        openai_body(
            "Please reduce the length of the messages or completion.",
            code="context_length_exceeded",
        ),
        None,
        None,
    ),
    (
        "Cohere",
        400,
        {
            "message": "too many tokens: total number of tokens in the prompt cannot exceed 4081 - "
            "received 4292."
        },
        4081,
        4292,
    ),
    (
        "TGI",
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8192. "
            "Given: 9000 `inputs` tokens and 512 `max_new_tokens`"
        },
        8192,
        9000,
    ),
    ("Bedrock", 400, {"message": "Input is too long for requested model."}, None, None),
    (
        "digits without end",
        400,
        openai_body(f"maximum context length is {'9' * 5000} tokens"),
        None,
        None,
    ),
    *MORE_TOO_LONG,
]


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
