"""Refused parameters in wordings and shapes of all kinds, and errors that refuse none."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatrepl.core.errors import Fault
from tests.support.servers.error_samples import error, openai_body

SAMPLES: dict[str, list[list[Any]]] = json.loads(
    Path(__file__).with_name("refusal_samples.json").read_text("utf-8")
)
"""Each a status and a body; NAME stands for any field in ``of_any_field``."""
FIELDS = [
    *("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", "stop", "n"),
    *("seed", "logit_bias", "logprobs", "top_logprobs", "reasoning_effort", "verbosity"),
    *("response_format", "service_tier", "user", "top_k", "stream", "stream_options"),
]


def shown(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


@pytest.mark.parametrize(("status", "body"), SAMPLES["of_any_field"], ids=shown)
def test_a_refusal_in_any_words_names_the_field_whichever_it_is(status: int, body: Any) -> None:
    for field in FIELDS:
        found = error(status, shown(body).replace("NAME", field))
        assert found.fault is Fault.PARAMETER_REFUSED, field
        assert found.details.get("parameter") == field


@pytest.mark.parametrize(("status", "body", "field"), SAMPLES["of_one_field"], ids=shown)
def test_a_refusal_of_one_field_is_read_from_its_own_words(
    status: int, body: Any, field: str
) -> None:
    found = error(status, body)
    assert found.fault is Fault.PARAMETER_REFUSED
    assert found.details.get("parameter") == field


@pytest.mark.parametrize(("status", "body"), SAMPLES["of_none"], ids=shown)
def test_an_error_that_only_mentions_a_field_refuses_none(status: int, body: Any) -> None:
    found = error(status, body)
    assert found.fault is not Fault.PARAMETER_REFUSED
    assert "parameter" not in found.details


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (
            "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. "
            "Supported values are: 'low', 'medium', and 'high'.",
            "low, medium, and high",
        ),
        ("reasoning_effort 'minimal' is not supported; allowed values: [\"low\"]", "low"),
        ("reasoning_effort is not supported", ""),
    ],
)
def test_the_values_that_a_server_takes_are_read(text: str, taken: str) -> None:
    found = error(400, openai_body(text))
    assert found.details.get("parameter") == "reasoning_effort"
    assert found.details.get("taken", "") == taken


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"message": '"seed" is odd', "statusCode": 400, "error": "Bad Request"}, '"seed" is odd'),
        ({"Message": "it is odd", "Code": "Validation"}, "it is odd"),
        ({"title": "Bad Request", "detail": "it is odd"}, "it is odd"),
        ({"errors": {"seed": ["is odd", "too"]}}, "seed: is odd; too"),
        ({"error": "Bad Request"}, "Bad Request"),
    ],
)
def test_what_an_error_says_is_found_behind_its_status_in_words(body: Any, said: str) -> None:
    assert error(400, body).message.endswith(f"(400): {said}")


@pytest.mark.parametrize(
    ("parameter", "command"),
    [
        ("temperature", "/set temperature VALUE"),
        ("max_completion_tokens", "/set max_tokens VALUE"),
        ("top_k", "/set extra.top_k VALUE"),
        ("messages", "/request"),
    ],
)
def test_a_value_out_of_range_is_told_with_the_command_that_changes_it(
    parameter: str, command: str
) -> None:
    found = error(400, openai_body("must be between 0 and 1", param=parameter))
    assert found.fault is Fault.BAD_REQUEST
    assert found.hint.startswith(command)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "System role not supported"),
        (500, "System role not supported"),
        (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
        (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
        (400, "This model does not support system messages."),
        (400, "Unexpected role 'system' in messages"),
        (400, "litellm.BadRequestError: the model doesn't support the `developer` role"),
    ],
)
def test_a_model_without_system_role_is_told_with_what_sends_the_text_otherwise(
    status: int, text: str
) -> None:
    found = error(status, openai_body(text))
    assert found.fault is Fault.BAD_REQUEST
    assert "system_form user" in found.hint


@pytest.mark.parametrize(
    "text",
    ["The system is not available now", "the operating system does not support this", "seed: odd"],
)
def test_other_systems_are_no_system_role(text: str) -> None:
    assert "system_form" not in error(400, openai_body(text)).hint


@pytest.mark.parametrize(
    "text", ["'temperature' ", "not support ", "deprecated ", "[", "supplied: "]
)
def test_an_error_without_end_is_read_no_further_than_a_refusal_would_stand(text: str) -> None:
    assert error(400, openai_body(text * 100_000)).fault is Fault.BAD_REQUEST
    late = error(400, openai_body("x " * 100_000 + "seed is not supported"))
    assert late.fault is Fault.BAD_REQUEST
