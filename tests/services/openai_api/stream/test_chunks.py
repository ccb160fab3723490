import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import (
    ChoiceFinished,
    ModelEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseStarted,
    TextDelta,
    ToolCalled,
    UsageReported,
)
from chatrepl.core.messages import Usage
from chatrepl.core.ports.chat_model import Server
from chatrepl.services.openai_api.errors.responses import RequestFacts
from chatrepl.services.openai_api.stream.chunks import ChunkParser

FACTS = RequestFacts(Server("http://127.0.0.1:1/v1", "test"))


def chunk(delta: Any, finish: Any = None, index: Any = 0, **fields: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "model": "m", "choices": [choice], **fields}


def parse(*payloads: Any, choices: int = 1) -> list[ModelEvent]:
    """Parse payloads, given as text or as JSON values; return the events without the first."""
    parser = ChunkParser(FACTS, choices)
    for payload in payloads:
        parser.feed(payload if isinstance(payload, str) else json.dumps(payload))
    parser.end_body()
    parser.finish()
    return [event for event in parser.take() if not isinstance(event, ResponseStarted)]


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ({"content": "hi"}, TextDelta("hi")),
        ({"content": "hi", "role": "assistant"}, TextDelta("hi")),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab"),
        ({"content": ["a", "b"]}, "ab"),
        ({"reasoning_content": "think"}, ReasoningDelta("think")),
        ({"reasoning": "think"}, ReasoningDelta("think")),
        ({"reasoning": "think", "reasoning_content": "think"}, ReasoningDelta("think")),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "think"}]}]},
            ReasoningDelta("think"),
        ),
        ({"refusal": "no"}, RefusalDelta("no")),
        (
            {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]},
            ToolCalled("f", "{}"),
        ),
        ({"function_call": {"name": "f", "arguments": ""}}, ToolCalled("f", "")),
    ],
)
def test_each_kind_of_delta_becomes_its_event(delta: Any, expected: Any) -> None:
    expected = TextDelta(expected) if isinstance(expected, str) else expected
    assert parse(chunk(delta)) == [expected]


@pytest.mark.parametrize(
    "payload",
    [
        *("123", "null", '"s"', "[]", "{}", "", "   ", "ping", "true", "[[[[", "NaN"),
        '{"choices": null}',
        '{"choices": 5}',
        '{"choices": [null, 5, "x", []]}',
        '{"choices": {"0": {}}}',
        '{"choices": [{"delta": null}]}',
        '{"choices": [{"delta": "text"}]}',
        '{"choices": [{"delta": {"content": 5}}]}',
        '{"choices": [{"delta": {"content": {"a": 1}}}]}',
        '{"choices": [{"delta": {"content": [5, null, {"text": 5}, {"thinking": {}}]}}]}',
        '{"choices": [{"delta": {"refusal": 5, "reasoning": [], "reasoning_content": {}}}]}',
        '{"choices": [{"delta": {"tool_calls": 5, "function_call": 5}}]}',
        '{"choices": [{"delta": {"tool_calls": [null, {"function": {"name": 5}}]}}]}',
        '{"choices": [{"finish_reason": 5}]}',
        '{"choices": [{"finish_reason": ""}], "usage": []}',
        '{"choices": [], "usage": {"prompt_tokens": "5", "completion_tokens": -1}}',
        '{"choices": [], "usage": {"prompt_tokens": 1e400, "prompt_tokens_details": 5}}',
        '{"choices": [], "error": null}',
        '{"choices": [{"delta": {"logprob": NaN}}]}',
        '{"id": 5, "model": [], "created": "x", "choices": []}',
    ],
)
def test_what_has_a_wrong_type_is_passed_over_and_the_answer_goes_on(payload: str) -> None:
    assert parse(payload, chunk({"content": "fine"})) == [TextDelta("fine")]


@pytest.mark.parametrize("index", ["1", None, -1, 10**9, True, 1.5, [], 10**30])
def test_an_odd_index_counts_as_the_first_choice(index: Any) -> None:
    assert parse(chunk({"content": "x"}, index=index)) == [TextDelta("x", 0)]


@pytest.mark.parametrize(
    "payload",
    [
        '{"choices": [{"delta": {"content": "half',
        "{" + '"a": {' * 100_000,
        '{"a": ' + "[" * 100_000,
        '{"created": ' + "9" * 5000 + "}",
        "{bad}",
    ],
)
def test_a_broken_chunk_is_an_error_and_what_came_before_is_kept(payload: str) -> None:
    parser = ChunkParser(FACTS)
    parser.feed(json.dumps(chunk({"content": "kept"})))
    with pytest.raises(ModelError) as caught:
        parser.feed(payload)
    assert caught.value.fault is Fault.BAD_RESPONSE
    assert len(str(caught.value)) < 500
    assert TextDelta("kept") in parser.take()


def test_consecutive_deltas_of_one_choice_are_one_event() -> None:
    deltas = [chunk({"content": word}) for word in ("one ", "two ", "three")]
    assert parse(*deltas) == [TextDelta("one two three")]


def test_interleaved_choices_give_one_event_each() -> None:
    chunks = [chunk({"content": f"{i}{word}"}, index=i) for word in "abc" for i in (0, 1)]
    assert parse(*chunks, choices=2) == [TextDelta("0a0b0c", 0), TextDelta("1a1b1c", 1)]


def test_thinking_and_text_keep_their_order() -> None:
    kinds = ("reasoning", "content", "reasoning", "content")
    events = parse(*(chunk({kind: str(i)}) for i, kind in enumerate(kinds)))
    assert events == [ReasoningDelta("0"), TextDelta("1"), ReasoningDelta("2"), TextDelta("3")]


def test_thinking_and_text_of_one_chunk_both_arrive() -> None:
    events = parse(chunk({"reasoning": "a", "content": "b"}, "stop"))
    assert events == [ReasoningDelta("a"), TextDelta("b"), ChoiceFinished("stop")]


def test_the_response_starts_once_with_the_first_names_that_are_not_empty() -> None:
    parser = ChunkParser(FACTS)
    parser.feed('{"id": "", "model": "", "choices": [], "prompt_filter_results": []}')
    parser.feed(
        '{"id": "r1", "model": "m1", "created": 7, "system_fingerprint": "fp", "choices": []}'
    )
    parser.feed('{"id": "r2", "model": "m2", "choices": []}')
    assert parser.take() == [ResponseStarted("r1", "m1", 7, "fp")]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 7}, Usage(5, 7)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(5, 7, 3, 2),
        ),
        ({"prompt_tokens": 5, "prompt_cache_hit_tokens": 4}, Usage(5, None, 4)),
        ({"completion_tokens": 9.0, "reasoning_tokens": 1}, Usage(None, 9, None, 1)),
        ({"prompt_tokens": 10**30, "completion_tokens": True, "total_tokens": 3}, None),
    ],
)
def test_usage_is_read_where_it_is_a_count(usage: Any, expected: Usage | None) -> None:
    events = parse({"choices": [], "usage": usage})
    assert events == ([] if expected is None else [UsageReported(expected)])


def test_usage_at_every_chunk_is_reported_once() -> None:
    chunks = [
        chunk({"content": "x"}, usage={"prompt_tokens": 5, "completion_tokens": i})
        for i in range(50)
    ]
    assert parse(*chunks) == [TextDelta("x" * 50), UsageReported(Usage(5, 49))]


def test_a_finish_reason_counts_once_for_each_choice() -> None:
    events = parse(*[chunk({}, "stop")] * 3, chunk({}, "length", 1), choices=2)
    assert events == [ChoiceFinished("stop", 0), ChoiceFinished("length", 1)]


def test_halves_of_a_surrogate_pair_in_two_chunks_are_joined() -> None:
    assert parse(
        '{"choices": [{"delta": {"content": "a\\ud83d"}}]}',
        '{"choices": [{"delta": {"content": "\\ude00b"}}]}',
    ) == [TextDelta("a😀b")]


def test_halves_are_joined_when_they_are_handed_over_one_by_one() -> None:
    parser = ChunkParser(FACTS)
    events = []
    for half in ("a\\ud83d", "\\ude00b"):
        parser.feed('{"choices": [{"index": 1, "delta": {"content": "%s"}}]}' % half)  # noqa: UP031
        events += parser.take()
    assert [event for event in events if isinstance(event, TextDelta)] == [
        TextDelta("a"),
        TextDelta("😀b"),
    ]


def test_halves_that_stay_alone_become_replacement_characters_before_the_end() -> None:
    events = parse('{"choices": [{"delta": {"content": "\\ude00a\\ud83d"}}]}', chunk({}, "stop"))
    assert events == [TextDelta("\ufffda"), TextDelta("\ufffd"), ChoiceFinished("stop")]


@given(st.text(max_size=30), st.lists(st.integers(0, 60), max_size=6))
def test_text_cut_anywhere_between_code_units_arrives_exactly(text: str, places: list[int]) -> None:
    units = text.encode("utf-16-be")
    edges = [0, *sorted(2 * min(place, len(units) // 2) for place in places), len(units)]
    parser = ChunkParser(FACTS)
    arrived = ""
    for start, end in pairwise(edges):
        piece = units[start:end].decode("utf-16-be", "surrogatepass")
        parser.feed(json.dumps(chunk({"content": piece})))
        arrived += "".join(e.text for e in parser.take() if isinstance(e, TextDelta))
    parser.finish()
    assert arrived == text
    assert not [event for event in parser.take() if isinstance(event, TextDelta)]


@pytest.mark.parametrize(
    ("payload", "name", "words"),
    [
        ({"error": {"message": "it broke"}}, "", "it broke"),
        ({"error": "it broke"}, "", "it broke"),
        ({"message": "it broke"}, "error", "it broke"),
        ({"message": "it broke", "code": 500}, "", "it broke"),
        ({"object": "error", "message": "it broke"}, "", "it broke"),
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "it broke"}},
            "",
            "it broke",
        ),
        ({"detail": "it broke"}, "", "it broke"),
        ("it broke", "error", "it broke"),
        ({}, "error", "broke the answer off"),
    ],
)
def test_an_error_in_the_stream_is_told_with_the_servers_words(
    payload: Any, name: str, words: str
) -> None:
    parser = ChunkParser(FACTS)
    parser.feed(json.dumps(chunk({"content": "kept"})))
    with pytest.raises(ModelError, match=words):
        parser.feed(payload if isinstance(payload, str) else json.dumps(payload), name)
    assert TextDelta("kept") in parser.take()


def test_text_beside_an_error_is_kept() -> None:
    parser = ChunkParser(FACTS)
    with pytest.raises(ModelError) as caught:
        parser.feed(
            json.dumps(chunk({"content": "kept"}, "error", error={"code": 429, "message": "slow"}))
        )
    assert caught.value.fault is Fault.RATE_LIMIT
    assert TextDelta("kept") in parser.take()


FIELDS = (
    *("choices", "delta", "message", "content", "index", "finish_reason", "usage", "error"),
    *("text", "id", "model", "refusal", "reasoning", "tool_calls", "function", "name"),
    *("arguments", "detail", "loc", "code", "type"),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.lists(json_values, max_size=5), st.sampled_from(["", "error", "message"]))
def test_no_json_raises_anything_but_a_model_error(payloads: list[Any], name: str) -> None:
    parser = ChunkParser(FACTS)
    try:
        for payload in payloads:
            parser.feed(json.dumps(payload), name)
    except ModelError as error:
        assert "\n" not in str(error)
    parser.finish()
    for event in parser.take():
        if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
            event.text.encode()


def test_a_tool_call_is_whole_however_it_streams_and_comes_when_its_choice_ends() -> None:
    def piece(number: int, call_id: str | None, name: str | None, arguments: str) -> Any:
        function = {"name": name, "arguments": arguments}
        return {"tool_calls": [{"index": number, "id": call_id, "function": function}]}

    assert parse(
        chunk(piece(0, "a", "get_weather", "")),
        chunk(piece(0, None, None, '{"city": ')),
        chunk(piece(1, "b", "get_time", "{}")),
        chunk(piece(0, None, None, '"Oslo"}')),
        chunk({}, "tool_calls"),
    ) == [
        ToolCalled("get_weather", '{"city": "Oslo"}', 0, "a"),
        ToolCalled("get_time", "{}", 0, "b"),
        ChoiceFinished("tool_calls"),
    ]
