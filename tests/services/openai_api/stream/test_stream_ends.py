"""Ends of streams, and the choice that an answer is: exact bytes of servers as they are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import ChoiceFinished, ModelEvent, ReasoningDelta, TextDelta
from chatrepl.core.ports.chat_model import Server
from chatrepl.services.openai_api.errors.responses import RequestFacts
from chatrepl.services.openai_api.stream import reader
from chatrepl.services.openai_api.stream.body import BodyParser
from chatrepl.services.openai_api.stream.chunks import ChunkParser
from tests.support.servers.api_requests import ask, server_at
from tests.support.servers.sse_server import SseServer

FACTS = RequestFacts(Server("http://127.0.0.1:1/v1", "test"))
DONE = b"data: [DONE]\n\n"
PAUSE = 0.5
"""Longer than the grace, which these tests shorten."""


def chunk(content: str = "", reason: str | None = None, index: int = 0, **delta: Any) -> bytes:
    body = {"content": content, **delta} if content or not delta else delta
    choice = {"index": index, "delta": body, "finish_reason": reason}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def parsed(body: bytes, choices: int = 1) -> tuple[list[ModelEvent], ModelError | None]:
    """Parse a body that ended cleanly; return its events, and the error at its end."""
    chunks = ChunkParser(FACTS, choices)
    parser = BodyParser(chunks, FACTS)
    error = None
    try:
        parser.feed(body)
        parser.finish()
    except ModelError as raised:
        error = raised
    chunks.finish()
    return chunks.take(), error or chunks.failure


def text_of(events: list[ModelEvent], index: int = 0) -> str:
    deltas = [one for one in events if isinstance(one, TextDelta)]
    return "".join(one.text for one in deltas if one.index == index)


def reasons_of(events: list[ModelEvent]) -> list[tuple[int, str]]:
    return [(one.index, one.finish_reason) for one in events if isinstance(one, ChoiceFinished)]


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "GRACE_S", PAUSE / 5)


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize(
    "pieces",
    [
        [chunk("one ", "stop"), PAUSE, chunk("two", "stop"), DONE],
        [chunk("one ", "null"), PAUSE, chunk("two", "null"), PAUSE, chunk(reason="stop"), DONE],
        [chunk("", "stop", role="assistant"), PAUSE, chunk("one "), PAUSE, chunk("two"), DONE],
        [chunk("one "), chunk("", "stop"), chunk("two"), PAUSE, DONE],
        [chunk("one ", "stop"), PAUSE, chunk("two", "stop")],
        [chunk("", "stop", role="assistant"), PAUSE, chunk("one "), PAUSE, chunk("two")],
    ],
    ids=["every chunk", "null", "role chunk", "in the middle", "no mark", "role chunk, no mark"],
)
def test_text_after_a_finish_reason_belongs_to_the_answer(pieces: list[bytes | float]) -> None:
    with SseServer() as server:
        server.raw(pieces)
        outcome = ask(server_at(server.base_url))
    assert (outcome.text(), outcome.error) == ("one two", None)


@pytest.mark.usefixtures("short_grace")
def test_the_grace_runs_from_the_last_piece() -> None:
    late = [piece for word in "abcdefgh" for piece in (chunk(word), PAUSE / 10)]
    with SseServer() as server:
        server.raw([chunk("x"), chunk("", "stop"), *late, DONE])
        outcome = ask(server_at(server.base_url))
    assert (outcome.text(), outcome.error) == ("xabcdefgh", None)


@pytest.mark.parametrize(
    "pieces",
    [
        [chunk("", "stop", role="assistant")],
        [chunk("", "stop", role="assistant"), chunk("half")],
        [chunk("ha"), chunk("", "stop"), chunk("lf")],
    ],
    ids=["before the text", "role chunk", "after a reason"],
)
def test_an_answer_whose_bytes_were_cut_is_not_whole(pieces: list[bytes | float]) -> None:
    with SseServer() as server:
        server.raw(pieces, ending="cut")
        outcome = ask(server_at(server.base_url))
    assert outcome.error is not None


@given(
    st.text("ab ", min_size=1, max_size=12),
    st.sets(st.integers(0, 11)),
    st.booleans(),
)
def test_reasons_anywhere_cost_no_text(text: str, places: set[int], has_mark: bool) -> None:
    pieces = [chunk(char, "stop" if at in places else None) for at, char in enumerate(text)]
    body = b"".join(pieces) + chunk(reason="length") + (DONE if has_mark else b"")
    events, error = parsed(body)
    assert (text_of(events), error) == (text, None)
    assert reasons_of(events)[-1] == (0, "length")


def test_a_surrogate_pair_and_a_tool_call_survive_a_reason_in_every_chunk() -> None:
    call = [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]
    rest = [{"index": 0, "function": {"arguments": "}"}}]
    body = (
        chunk("\ud83d", "stop")
        + chunk("\ude00", "stop")
        + chunk("", "stop", tool_calls=call)
        + chunk("", "stop", tool_calls=rest)
    )
    events, error = parsed(body + DONE)
    assert (text_of(events), error) == ("😀", None)
    assert [getattr(one, "arguments", None) for one in events].count("{}") == 1


def whole(*choices: tuple[int, dict[str, Any]]) -> bytes:
    """Write a response that does not stream."""
    rows = [
        {"index": index, "message": message, "finish_reason": "stop"} for index, message in choices
    ]
    return json.dumps({"id": "r", "choices": rows}).encode()


@pytest.mark.parametrize(
    ("body", "text", "thought"),
    [
        (chunk("a", index=1) + chunk("b", "stop", index=1) + DONE, "ab", ""),
        (
            chunk(index=0, reasoning_content="hm") + chunk("ab", "stop", index=1) + DONE,
            "ab",
            "hm",
        ),
        (
            chunk(index=0, reasoning="hm", reason="stop") + chunk("ab", "stop", index=1) + DONE,
            "ab",
            "hm",
        ),
        (chunk("a", index=3) + chunk("b", index=4) + chunk("", "stop", index=5), "ab", ""),
        (whole((1, {"content": "ab"})), "ab", ""),
        (whole((0, {"reasoning": "hm", "content": None}), (1, {"content": "ab"})), "ab", "hm"),
        (whole((0, {"content": "ab"}), (1, {"content": "other"})), "ab", ""),
    ],
    ids=["1 only", "thinking apart", "thinking ended", "rising", "JSON", "JSON apart", "JSON two"],
)
def test_one_answer_asked_for_is_one_answer_under_any_index(
    body: bytes, text: str, thought: str
) -> None:
    events, error = parsed(body)
    assert (text_of(events), error) == (text, None)
    assert "".join(one.text for one in events if isinstance(one, ReasoningDelta)) == thought
    assert {index for index, _ in reasons_of(events)} == {0}


@pytest.mark.parametrize("first", [0, 1, 5])
def test_two_answers_asked_for_are_two_from_whatever_index_they_count(first: int) -> None:
    body = b"".join(
        chunk(f"{name}{word}", index=first + at) for word in "xy" for at, name in enumerate("ab")
    )
    ends = b"".join(chunk("", "stop", index=first + at) for at in (0, 1))
    events, error = parsed(body + ends + DONE, choices=2)
    assert [text_of(events, index) for index in (0, 1)] == ["axay", "bxby"]
    assert (reasons_of(events), error) == ([(0, "stop"), (1, "stop")], None)


@pytest.mark.parametrize(
    "reason",
    [
        *("error", "network_error", "abort", "insufficient_system_resource"),
        *("ERROR", "MALFORMED_FUNCTION_CALL"),
    ],
)
def test_an_end_that_is_a_failure_is_an_error_and_the_text_is_kept(reason: str) -> None:
    events, error = parsed(chunk("kept") + chunk("", reason) + DONE)
    assert text_of(events) == "kept"
    assert error is not None
    assert error.fault is Fault.SERVER
    assert reason in str(error)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'data: {"choices":[{"index":0,"delta":{"content":"kept"},"finish_reason":"error",'
            b'"error":{"code":502,"message":"Upstream idle timeout"}}]}\n\n' + DONE,
            "Upstream idle timeout",
        ),
        (
            chunk("kept") + b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"error",'
            b'"error":"the GPU fell over"}]}\n\n',
            "the GPU fell over",
        ),
        (
            chunk("kept") + b'data: {"choices":[{"index":0,"delta":{},"finish_reason":null}],'
            b'"x_groq":{"id":"req_1","error":"over_capacity"}}\n\n' + DONE,
            "over_capacity",
        ),
    ],
    ids=["OpenRouter", "text", "Groq"],
)
def test_a_failure_is_told_in_the_servers_own_words(body: bytes, words: str) -> None:
    events, error = parsed(body)
    assert text_of(events) == "kept"
    assert words in str(error)


def test_usage_after_a_failure_still_counts() -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3}}\n\n'
    with SseServer() as server:
        server.raw(chunk("kept") + chunk("", "error") + usage + DONE)
        outcome = ask(server_at(server.base_url))
    assert outcome.usage is not None
    assert outcome.fault is Fault.SERVER


@pytest.mark.parametrize("ending", ["clean", "cut", "reset"])
def test_an_end_mark_alone_is_an_empty_reply(ending: str) -> None:
    with SseServer() as server:
        server.raw([DONE], "text/event-stream", 200, ending=ending)
        outcome = ask(server_at(server.base_url))
    assert not outcome.events
    assert outcome.error is not None
    assert "an empty reply" in outcome.error.message
