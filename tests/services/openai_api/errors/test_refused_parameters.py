from typing import Any

import pytest

from chatrepl.core.errors import Fault
from tests.support.servers.error_samples import error, openai_body

REFUSALS: list[tuple[str, int, Any, str, str]] = [
    (
        "OpenAI, with a replacement",
        400,
        openai_body(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        ),
        "max_tokens",
        "max_completion_tokens",
    ),
    (
        "OpenAI, a value",
        400,
        openai_body(
            "Unsupported value: 'temperature' does not support 0.2 with this model. Only the "
            "default (1) value is supported.",
            param="temperature",
            code="unsupported_value",
        ),
        "temperature",
        "",
    ),
    (
        "OpenAI, without a code",
        400,
        openai_body(
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this "
            "model.",
            param="response_format",
            code=None,
        ),
        "response_format",
        "",
    ),
    (
        "OpenAI, unknown",
        400,
        openai_body("Unknown parameter: 'top_k'.", param="top_k", code="unknown_parameter"),
        "top_k",
        "",
    ),
    (
        "OpenAI, streaming of a model",
        400,
        openai_body(
            "Your organization must be verified to stream this model.",
            param="stream",
            code="unsupported_value",
        ),
        "stream",
        "",
    ),
    (
        "Azure, unnamed",
        400,
        {
            "error": {
                "message": "Unrecognized request argument supplied: stream_options",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        },
        "stream_options",
        "",
    ),
    (
        "Azure, several",
        400,
        openai_body("Unrecognized request arguments supplied: foo, reasoning_effort, verbosity"),
        "reasoning_effort",
        "",
    ),
    (
        "Azure, validation text",
        400,
        openai_body(
            "1 validation error for Request\nbody -> logprobs\n extra fields not permitted "
            "(type=value_error.extra)"
        ),
        "logprobs",
        "",
    ),
    (
        "vLLM, as text",
        400,
        {
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'verbosity'), 'msg': 'Extra "
            "inputs are not permitted', 'input': 'low'}]",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        "verbosity",
        "",
    ),
    (
        "vLLM, stream options",
        400,
        {
            "object": "error",
            "message": "Stream options can only be defined when `stream=True`. (stream_options)",
            "code": 400,
        },
        "stream_options",
        "",
    ),
    (
        "Mistral",
        422,
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "logit_bias"],
                        "msg": "Extra inputs are not permitted",
                        "input": {},
                    }
                ]
            },
        },
        "logit_bias",
        "",
    ),
    (
        "FastAPI",
        422,
        {
            "detail": [
                {
                    "loc": ["body", "presence_penalty"],
                    "msg": "extra fields not permitted",
                    "type": "value_error.extra",
                }
            ]
        },
        "presence_penalty",
        "",
    ),
    (
        "llama.cpp",
        400,
        {"error": {"code": 400, "message": "Unsupported param: service_tier", "type": "x"}},
        "service_tier",
        "",
    ),
    (
        "llama.cpp, one choice",
        400,
        {"error": {"code": 400, "message": "Only one completion choice is allowed", "type": "x"}},
        "n",
        "",
    ),
    (
        "Groq",
        400,
        openai_body("property 'logit_bias' is unsupported"),
        "logit_bias",
        "",
    ),
    (
        "llama.cpp, too many choices",
        400,
        {
            "error": {
                "code": 400,
                "message": "Field 'n': Value must be between 1 <= value <= 4, but got 5",
                "type": "invalid_request_error",
            }
        },
        "n",
        "",
    ),
    (
        "OpenAI, too many choices",
        400,
        openai_body(
            "Invalid 'n': integer above maximum value. Expected a value <= 8, but got 9 instead.",
            param="n",
            code="integer_above_max_value",
        ),
        "n",
        "",
    ),
    (
        "FastAPI, too many choices",
        422,
        {
            "detail": [
                {
                    "type": "less_than_equal",
                    "loc": ["body", "n"],
                    "msg": "Input should be less than or equal to 1",
                }
            ]
        },
        "n",
        "",
    ),
    ("Groq, one choice", 400, openai_body("'n' : number must be at most 1"), "n", ""),
    (
        "Gemini",
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": 'Invalid JSON payload received. Unknown name "logit_bias": Cannot '
                    "find field.",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        "logit_bias",
        "",
    ),
    (
        "xAI, in camel case",
        400,
        {"code": "x", "error": "Argument not supported on this model: presencePenalty"},
        "presence_penalty",
        "",
    ),
    (
        "xAI",
        400,
        {"code": "x", "error": "Model grok-4 does not support parameter frequency_penalty."},
        "frequency_penalty",
        "",
    ),
    (
        "LiteLLM",
        400,
        openai_body(
            "litellm.UnsupportedParamsError: groq does not support parameters: ['logit_bias'], for "
            "model=x. To drop these, set `litellm.drop_params=True`"
        ),
        "logit_bias",
        "",
    ),
    (
        "OpenRouter, from behind",
        400,
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {
                    "provider_name": "x",
                    "raw": '{"error":{"message":"seed is not supported"}}',
                },
            }
        },
        "seed",
        "",
    ),
    ("Go", 400, 'json: unknown field "seed"', "seed", ""),
    ("Rust", 422, "Failed to deserialize: unknown field `top_p`, expected `model`", "top_p", ""),
    ("Anthropic", 400, openai_body("logit_bias: Extra inputs are not permitted"), "logit_bias", ""),
    ("Bedrock", 400, {"message": "extraneous key [stop] is not permitted"}, "stop", ""),
    (
        "an old server that wants the old name",
        400,
        openai_body("Unrecognized request argument supplied: max_completion_tokens"),
        "max_completion_tokens",
        "max_tokens",
    ),
    ("as a server's failure", 500, {"error": "seed is not supported yet"}, "seed", ""),
]


@pytest.mark.parametrize(
    ("status", "body", "parameter", "replacement"),
    [pytest.param(*case[1:], id=case[0]) for case in REFUSALS],
)
def test_a_refused_parameter_is_named_in_every_known_shape(
    status: int, body: Any, parameter: str, replacement: str
) -> None:
    found = error(status, body)
    assert found.fault is Fault.PARAMETER_REFUSED
    assert found.details.get("parameter") == parameter
    assert found.details.get("replacement", "") == replacement
    assert parameter in found.message


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("Field 'n': Value must be between 1 <= value <= 4, but got 5", 4),
        ("Invalid 'n': integer above maximum value. Expected a value <= 8, but got 9 instead.", 8),
        ("'n' must be at most 16", 16),
        ("n must be less than or equal to 16", 16),
        ("'n' : number must be at most 1", 1),
        ("n must be between 1 and 4", 4),
        ("n must be in the range [1, 8]", 8),
        ("n must be at most 4, you asked for 10", 4),
        ("n must be less: the maximum number of all the choices is 4", 4),
        ("candidate_count cannot exceed 8", 8),
        ("Only one candidate can be specified in the current model", None),
        ("Multiple candidates is not enabled for this model", None),
        ("Only one completion choice is allowed", None),
    ],
)
def test_the_largest_number_of_answers_is_read_from_the_refusal(
    text: str, most: int | None
) -> None:
    found = error(400, openai_body(text))
    assert found.fault is Fault.PARAMETER_REFUSED
    assert found.details.get("parameter") == "n"
    assert found.details.get("most") == most


@pytest.mark.parametrize(
    ("status", "body"),
    [
        # A value out of range is not what the user wants left out.
        (
            400,
            openai_body(
                "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but "
                "got 3 instead.",
                param="temperature",
                code="decimal_above_max_value",
            ),
        ),
        (
            422,
            {
                "detail": [
                    {
                        "type": "less_than_equal",
                        "loc": ["body", "top_p"],
                        "msg": "Input should be less than or equal to 1",
                    }
                ]
            },
        ),
        (
            400,
            openai_body(
                "max_tokens is too large: 50000. This model supports at most 16384 completion "
                "tokens.",
                param="max_tokens",
                code="invalid_value",
            ),
        ),
        # What every request needs cannot be left out.
        (
            400,
            openai_body(
                "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
                param="messages[0].role",
                code="unsupported_value",
            ),
        ),
        # What was not sent cannot have been refused.
        (400, openai_body("Unknown parameter: 'tools'.", param="tools", code="unknown_parameter")),
        (400, openai_body("something else is wrong with the user's request")),
    ],
)
def test_other_errors_are_no_refusal_of_a_parameter(status: int, body: Any) -> None:
    found = error(status, body)
    assert found.fault is Fault.BAD_REQUEST
    assert "parameter" not in found.details
