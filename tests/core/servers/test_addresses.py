"""Base URLs, keys, and redaction of keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.errors import UsageError
from chatrepl.core.ports.chat_model import Secret
from chatrepl.core.servers.addresses import check_base_url, check_key, host_of, redact

KEY = "sk-canary-0123456789abcdef"
KEYS = st.from_regex(r"[\x21-\x7e]{8,40}", fullmatch=True)


@pytest.mark.parametrize("text", [KEY, f"  {KEY}\n", f"{KEY}\r\n", f"\t{KEY}"])
def test_white_space_around_a_key_is_taken_off(text: str) -> None:
    assert check_key(text) == Secret(KEY)


@pytest.mark.parametrize(
    "text", ["", " \n", f"{KEY} x", f"{KEY}\nX: y", f"{KEY}é", f"{KEY}\x00", f"{KEY}\u200b", "“k”"]
)
def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_key(text)
    assert "canary" not in repr(caught.value)
    assert caught.value.hint


@given(st.text(max_size=30))
def test_any_text_is_a_key_for_a_header_or_an_error(text: str) -> None:
    try:
        key = check_key(text)
    except UsageError:
        return
    assert key.value.isascii()
    assert key.value.isprintable()
    assert " " not in key.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        (" http://127.0.0.1:8000/v1/ \n", "http://127.0.0.1:8000/v1"),
        ("HTTP://Host/v1//", "http://Host/v1"),
        ("http://[::1]:11434/v1", "http://[::1]:11434/v1"),
        ("https://host/v1/chat/completions", "https://host/v1"),
        ("https://host/v1/chat/completions/", "https://host/v1"),
        ("https://host", "https://host"),
    ],
)
def test_an_address_is_kept_without_what_comes_too_often(text: str, expected: str) -> None:
    assert check_base_url(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "scheme"),
        ("api.example.com/v1", "https://api.example.com/v1"),
        ("localhost:11434/v1", "http://localhost:11434/v1"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("[::1]:8000/v1", r"http://\[::1\]:8000/v1"),
        ("gpu-box:8000/v1", "http://gpu-box:8000/v1"),
        ("ftp://host/v1", "ftp"),
        ("file:///etc/passwd", "scheme"),
        ("https://", "host"),
        ("https://:8000/v1", "host"),
        ("https://host:notaport/v1", "not an address"),
        ("https://host:99999/v1", "not an address"),
        ("https://[::1/v1", "not an address"),
        ("https://host/v1?api-version=1", "query"),
        ("https://host/v1#x", "fragment"),
        ("https://ho st/v1", "white space"),
        ("https://host/v1\nX: y", "white space"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused_with_a_hint(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        check_base_url(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text", [f"https://user:{KEY}@host/v1", f"user:{KEY}@host/v1", f"https://{KEY}@host"]
)
def test_a_password_in_an_address_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_base_url(text)
    assert "canary" not in str(caught.value)


@given(st.text(max_size=40) | st.text(max_size=20).map("http://".__add__))
def test_any_text_is_an_address_or_an_error(text: str) -> None:
    try:
        url = check_base_url(text)
    except UsageError:
        return
    assert url.startswith(("http://", "https://"))
    assert not url.endswith("/")
    assert check_base_url(url) == url


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.openai.com/v1", "api.openai.com"),
        ("http://127.0.0.1:8000/v1", "127.0.0.1:8000"),
        ("http://[::1]:8000/v1", "[::1]:8000"),
        ("http://user:pw@host:1/x", "host:1"),
        ("http://[bad", "the server"),
        ("", "the server"),
    ],
)
def test_a_host_is_named_with_its_port_and_nothing_else(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    "text",
    [
        f"key {KEY}.",
        f"Authorization: Bearer {KEY}",
        "Authorization: bearer abcdef",
        "Basic dXNlcjpwYXNz",
        "provided: sk-proj-abcdefgh12345678",
        "sk-****************wxyz",
        "https://user:hunter2@host/",
        "https://host/v1?api-key=hunter2&x=1",
        "https://host/?key=hunter2",
        "gsk_abcdefghijklmnop",
        "AIzaSyabcdefghijklmnop",
    ],
)
def test_texts_that_look_like_keys_are_redacted(text: str) -> None:
    shown = redact(text, KEY)
    assert "[key]" in shown
    for secret in (KEY, "hunter2", "abcdef", "dXNlcjpwYXNz", "wxyz"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("the model test-model is unknown", "test"),
        ("nonetheless", "none"),
        ("ask-me-anything about tasks", ""),
        ("desk-lamp and risk-averse", ""),
        ("maximum context length is 8192 tokens", ""),
    ],
)
def test_ordinary_words_stay(text: str, key: str) -> None:
    assert redact(text, key) == text


@given(st.text(max_size=20), st.text(max_size=20), KEYS)
def test_a_given_key_never_stays_whatever_is_around_it(before: str, after: str, key: str) -> None:
    shown = redact(f"{before}{key}{after}", key)
    assert key not in shown or key in "[key]" or key in redact(before + after)
