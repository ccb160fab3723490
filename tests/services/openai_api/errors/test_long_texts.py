"""Errors whose texts are made to be slow: what the patterns see of them is bounded."""

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.errors import Fault
from chatrepl.services.openai_api.errors.payloads import (
    ErrorReport,
    integer_of,
    read_error,
    read_error_body,
)
from chatrepl.services.openai_api.errors.responses import error_from_status, html_title
from tests.support.servers.api_requests import ask, server_at
from tests.support.servers.error_samples import error, facts, openai_body
from tests.support.servers.sse_server import SseServer

MOST_CHARS = 3000
BODY_BYTES = 256 * 1024

# For each pattern with a repetition, the text that makes it begin, and go on, as often as possible.
SLOW_WORDS = (
    *("1234567890", "1,", "1_", "12,345 ", "exceed", "exceeds the a b ", "context length ", "max_"),
    *("prompt input ", "maximum a b c d e f ", "[", "'", "a/", "_", "a_", " ", "no ", "no a b "),
    *("not support this ", "system role ", "'temperature' ", "temperature ", "'stop' ", "seed"),
    *("supplied:,,,,,, temperature ", "supplied: , , , seed ", "deprecated ", "deprecated to a_"),
    *("use the a_a ", "did you mean: ", "supported values: ", "expected one of `model", "must be "),
    *("only be a b when", "requires 'temperature ", "invalid ", "try again in 9", "不支持", "9h"),
    *("<title>", "<title", "<h1", "<", "<h1></title>", "bearer ", "bearer\t", "sk-", "://a:b"),
    "?key=",
)


def chars_of(report: ErrorReport) -> int:
    """Return the length of the longest text that a pattern can meet in a report."""
    texts = [report.text, report.code, report.error_type, report.parameter, *report.locations]
    assert len(report.locations) < 10
    return max(map(len, texts))


json_values = st.recursive(
    st.sampled_from(SLOW_WORDS).map(lambda word: word * 2000) | st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=12)
        | st.dictionaries(
            st.sampled_from(
                ["error", "detail", "message", "errors", "code", "type", "param", "loc", "seed"]
            )
            | st.sampled_from(["metadata", "raw", "source", "params", "error_description", "path"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_whatever_an_error_holds_the_patterns_meet_little_of_it(value: Any) -> None:
    assert chars_of(read_error(value)) <= MOST_CHARS
    assert chars_of(read_error_body(json.dumps(value))) <= MOST_CHARS
    assert chars_of(read_error_body(json.dumps(value)[1:])) <= MOST_CHARS


def test_every_text_of_a_report_is_bounded_however_it_is_made() -> None:
    long = "x" * BODY_BYTES
    made = ErrorReport(long, long, long, long, (long,) * 100)
    assert chars_of(made) <= MOST_CHARS
    assert {f.name for f in fields(made)} == {
        *("text", "code", "error_type", "parameter", "locations", "window", "prompt_tokens")
    }


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("word", SLOW_WORDS)
def test_an_error_body_of_any_size_becomes_one_line(word: str, status: int) -> None:
    text = word * (BODY_BYTES // len(word))
    for body in (text, openai_body(text), f"<html>{text}"):
        found = error(status, body)
        assert len(str(found)) < 600


def test_a_number_is_read_from_its_first_digit_or_not_at_all() -> None:
    assert integer_of("8,192") == 8192
    found = error(400, openai_body("This model's maximum context length is 8,192 tokens."))
    assert found.details["window"] == 8192
    endless = error(400, openai_body(f"maximum context length is {'9' * 40} tokens."))
    assert endless.fault is Fault.CONTEXT_LENGTH
    assert "window" not in endless.details


@pytest.mark.parametrize("digits", ["9" * 400, "9" * 2900, "9" * 100_000])
@pytest.mark.parametrize("unit", ["h", "m", "s", ".5s"])
def test_a_waiting_time_of_many_digits_is_an_error_like_others(digits: str, unit: str) -> None:
    found = error(429, openai_body(f"Rate limit reached. Please try again in {digits}{unit}"))
    assert found.fault is Fault.RATE_LIMIT


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<html><title>Bad\n gateway</title><h1>no</h1>", "Bad\n gateway"),
        ('<html><TITLE lang="en"><b>Oops</b></Title>', "Oops"),
        ("<html><h1>Down</h1><title>", "Down"),
        ("<html><title>open for ever", ""),
        ("<html><title></h1><h1>Two</h1>", "Two"),
    ],
)
def test_the_title_of_a_page_is_found(page: str, title: str) -> None:
    assert html_title(page) == title


def test_a_redirect_to_a_very_long_address_is_one_line() -> None:
    headers = {"location": "https://a.example/" + "sk-" * 30_000}
    assert len(str(error_from_status(307, headers, "", facts()))) < 900


@pytest.mark.timeout(30)
@pytest.mark.parametrize("charset", ["utf-8", "punycode", "idna", "no-such"])
def test_numbers_without_end_in_the_name_of_any_character_set(charset: str) -> None:
    body = b'{"error": {"message": "' + b"1," * (BODY_BYTES // 2 - 20) + b'"}}'
    with SseServer() as server:
        server.raw(body, content_type=f"application/json; charset={charset}", status=400)
        outcome = ask(server_at(server.base_url))
    assert outcome.fault is Fault.BAD_REQUEST
    assert outcome.error is not None
    assert outcome.error.details["status"] == 400
