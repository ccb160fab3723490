"""Settings outside the table: a server's own fields."""

from datetime import date
from typing import Any

import pytest

from chatrepl.core.errors import UsageError
from chatrepl.core.settings.response_format import format_of_schema
from chatrepl.core.settings.table import find_setting


@pytest.mark.parametrize(
    "field",
    [
        "messages",
        "model",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "n",
        "logit_bias",
        "response_format",
    ],
)
def test_a_field_that_the_program_writes_is_no_extra_field(field: str) -> None:
    with pytest.raises(UsageError, match=field):
        find_setting(f"extra.{field}")


@pytest.mark.parametrize("field", ["top_k", "min_p", "system", "chat_template_kwargs"])
def test_any_other_field_is_the_servers_own(field: str) -> None:
    assert find_setting(f"extra.{field}").key == f"extra.{field}"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "[1, -Infinity]", "1e999"])
def test_numbers_beyond_json_are_refused(text: str) -> None:
    kind = find_setting("extra.x").kind
    with pytest.raises(UsageError, match="JSON"):
        kind.parse(text)
    with pytest.raises(UsageError, match="JSON"):
        find_setting("response_format").kind.parse(f'{{"type": "a", "b": {text}}}')
    with pytest.raises(UsageError, match="JSON"):
        format_of_schema(f'{{"b": {text}}}', "file.json")


def test_dates_of_a_configuration_are_refused_with_what_to_do() -> None:
    written: Any = [date(2026, 1, 2)]
    with pytest.raises(UsageError, match="quotes"):
        find_setting("extra.x").kind.check(written)


def test_a_comma_that_may_mean_thousands_is_asked_back() -> None:
    kind = find_setting("spending_limit").kind
    with pytest.raises(UsageError, match="two numbers"):
        kind.parse("1,000")
    assert kind.parse("0,5") == 0.5
    assert kind.parse("1000") == 1000


@pytest.mark.parametrize("text", ["{", '{"a": 1', "[1, 2", '"open', "{a: 1}", "[INST]"])
def test_broken_json_is_not_taken_for_a_text(text: str) -> None:
    with pytest.raises(UsageError, match="begins like JSON"):
        find_setting("extra.x").kind.parse(text)
