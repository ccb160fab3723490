import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.errors import Fault
from chatrepl.core.ports.chat_model import Server
from chatrepl.services.openai_api.errors.responses import (
    RequestFacts,
    error_from_status,
    excerpt,
    retry_after_s,
)
from tests.support.servers.error_samples import KEY, error, facts, openai_body


@pytest.mark.parametrize(
    ("status", "fault", "hint"),
    [
        (400, Fault.BAD_REQUEST, ""),
        (401, Fault.AUTHENTICATION, "valid"),
        (402, Fault.QUOTA, "billing"),
        (403, Fault.PERMISSION, "TEST_KEY"),
        (404, Fault.NOT_FOUND, "base_url"),
        (405, Fault.NOT_FOUND, "base_url"),
        (408, Fault.TIMEOUT, "/retry"),
        (409, Fault.SERVER, "/retry"),
        (413, Fault.BAD_REQUEST, "/budget"),
        (418, Fault.BAD_REQUEST, ""),
        (422, Fault.BAD_REQUEST, ""),
        (429, Fault.RATE_LIMIT, "/retry"),
        (500, Fault.SERVER, "/retry"),
        (502, Fault.SERVER, "/retry"),
        (503, Fault.SERVER, "/retry"),
        (504, Fault.SERVER, "/retry"),
        (529, Fault.SERVER, "/retry"),
        (599, Fault.SERVER, "/retry"),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "the words of it"}},
        {"error": "the words of it"},
        {"detail": "the words of it"},
        {"detail": [{"msg": "the words of it", "loc": ["body", 0, "content"]}]},
        {"message": "the words of it"},
        {"errors": [{"message": "the words of it"}]},
        {"object": "error", "message": "the words of it", "code": 1},
        [{"error": {"message": "the words of it"}}],
        "the words\r\n of\tit",
        "<html><head><title>the words of it</title></head><body>nginx</body></html>",
    ],
)
def test_every_status_and_shape_of_body_gives_the_fault_and_the_servers_words(
    status: int, fault: Fault, hint: str, body: Any
) -> None:
    found = error(status, body)
    assert found.fault is fault
    assert found.details["status"] == status
    assert f"({status})" in found.message
    assert "the words of it" in found.message
    assert found.message[0].islower()
    assert hint in found.hint
    assert found.hint


@pytest.mark.parametrize("body", ["", "{}", "null", "[]", "5", '{"error": {}}', "{" * 10000, "<"])
def test_a_body_that_says_nothing_still_names_the_cause(body: str) -> None:
    found = error(500, body)
    assert found.message.startswith("the server failed (500)")


def test_a_key_that_was_refused_is_told_by_its_origin_and_host() -> None:
    found = error(401, openai_body("no"))
    assert "TEST_KEY" in found.message
    assert "api.example.com" in found.message


def test_a_missing_key_is_told_as_missing() -> None:
    without = RequestFacts(Server("https://api.example.com/v1", "test"))
    found = error_from_status(401, {}, "{}", without)
    assert "wants a key" in found.message
    assert "OPENAI_API_KEY" in found.hint


@pytest.mark.parametrize(
    ("base_url", "body", "hint"),
    [
        ("http://host:8000", {"detail": "Not Found"}, "http://host:8000/v1"),
        ("http://host:8000/v1", {"detail": "Not Found"}, "check base_url"),
        (
            "http://host:8000/v1",
            openai_body("The model `x` does not exist", code="model_not_found"),
            "/models",
        ),
        ("http://host:8000/v1", {"error": 'model "x" not found, try pulling it first'}, "/models"),
    ],
)
def test_nothing_found_is_either_the_model_or_the_path(base_url: str, body: Any, hint: str) -> None:
    found = error_from_status(404, {}, json.dumps(body), facts(base_url))
    assert found.fault is Fault.NOT_FOUND
    assert hint in found.hint


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, openai_body("You exceeded your current quota", code="insufficient_quota")),
        (429, {"error": {"message": "x", "type": "insufficient_quota"}}),
        (400, openai_body("Your credit balance is too low to access the API.")),
        (402, openai_body("This request requires more credits")),
        (403, openai_body("Insufficient Balance")),
    ],
)
def test_a_quota_is_not_mistaken_for_a_passing_limit(status: int, body: Any) -> None:
    found = error(status, body)
    assert found.fault is Fault.QUOTA
    assert not found.is_transient


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "3"}, 3.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
        (
            {
                "retry-after": "Wed, 21 Oct 2015 07:28:30 GMT",
                "date": "Wed, 21 Oct 2015 07:28:00 GMT",
            },
            30.0,
        ),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, 0.0),
    ],
)
def test_how_long_to_wait_is_read_from_both_headers(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Rate limit reached. Please try again in 20s.", 20.0),
        ("Please try again in 1m30.5s. Visit", 90.5),
        ("Please try again in 500ms.", 0.5),
        ("Please retry in 2h", 7200.0),
        ("Please try again later", None),
    ],
)
def test_how_long_to_wait_is_read_from_the_words_where_no_header_tells(
    text: str, seconds: float | None
) -> None:
    assert error(429, openai_body(text)).details.get("retry_after_s") == seconds


def test_a_redirect_names_where_the_endpoint_went() -> None:
    headers = {"location": f"https://user:secret@new.example/v2/chat/completions?key={KEY}"}
    found = error(307, "", headers)
    assert found.fault is Fault.REDIRECT
    assert "new.example/v2" in found.message
    assert "base_url" in found.hint
    assert "secret" not in str(found)
    assert KEY not in str(found)


@pytest.mark.parametrize(
    "body",
    [
        openai_body(f"Incorrect API key provided: {KEY}."),
        f"headers: Authorization: Bearer {KEY}",
        "x" * 290 + KEY,
        {"error": {"message": "bad", "metadata": {"raw": f"Bearer {KEY}"}}},
        f"<title>{KEY}</title>",
        {"detail": [{"loc": ["body", "x"], "msg": KEY}]},
    ],
)
@pytest.mark.parametrize("status", [302, 400, 401, 404, 429, 500])
def test_a_key_that_the_server_repeats_is_never_shown(status: int, body: Any) -> None:
    found = error(status, body, {"location": f"https://h/{KEY}"})
    assert KEY not in str(found)
    assert KEY[:12] not in str(found)


@given(st.text(max_size=700))
def test_an_excerpt_is_one_short_line(text: str) -> None:
    line = excerpt(text, KEY)
    assert len(line) <= 300
    assert line == " ".join(line.split())
    assert line.isprintable() or not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in line)
    line.encode()


@given(st.integers(300, 599), st.text(max_size=300), st.text(max_size=40))
def test_any_body_gives_one_line(status: int, body: str, header: str) -> None:
    found = error(status, body, {"location": header, "retry-after": header, "date": header})
    assert "\n" not in str(found)
