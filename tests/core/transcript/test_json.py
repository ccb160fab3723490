"""Transcripts as JSON: the program's own form, and lists of messages."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.errors import UsageError
from chatrepl.core.messages import Marks, Message, State, Usage
from chatrepl.core.transcript import Transcript, from_json, iter_json, to_json, with_new_ids
from tests.support.transcript_strategies import JSON, NOW, conversation, transcripts


def ids() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"new{next(numbers)}"


def read(text: str) -> list[Transcript]:
    return from_json(text, new_id=lambda: "session", now=NOW)


def read_one(value: Any) -> Transcript:
    [transcript] = from_json(json.dumps(value), new_id=ids(), now=NOW)
    return transcript


def own(**changes: Any) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(to_json(conversation(("user", "hi"), ("assistant", "ho"))))
    return {**value, **changes}


def said(transcript: Transcript) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in transcript.path]


@given(transcripts())
def test_a_transcript_reads_back_as_it_was_written(transcript: Transcript) -> None:
    text = to_json(transcript)
    # A file must hold it.
    assert read(text.encode().decode()) == [transcript]


@given(transcripts())
def test_a_transcript_is_strict_json_with_the_documented_fields(transcript: Transcript) -> None:
    value = json.loads(to_json(transcript), parse_constant=pytest.fail)
    documented = ["version", "name", "title", "created", "settings", "messages", "tree", "head"]
    assert [key for key in value if key in documented] == documented
    assert len(value["tree"]) == len(transcript.messages)
    for node in value["tree"]:
        assert list(node)[:17] == [
            *("id", "parent", "role", "name", "content", "reasoning", "attachments", "state"),
            *("model", "created", "finish_reason", "usage", "parameters", "response_id", "pinned"),
            *("dropped", "summary_of"),
        ]


def test_messages_are_the_current_path_as_the_api_takes_it() -> None:
    transcript = conversation(("user", "hi"), ("assistant", "ho"), system="be brief")
    other = Message("x", "m0", "assistant", "another answer", NOW, name="n")
    transcript = replace(transcript, messages=(*transcript.messages, other))
    value = json.loads(to_json(transcript))
    assert value["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "ho"},
    ]
    moved = replace(transcript, record=replace(transcript.record, head="x"))
    assert json.loads(to_json(moved))["messages"][2] == {
        "role": "assistant",
        "content": "another answer",
        "name": "n",
    }


def test_times_are_written_in_utc() -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    message = Message("a", None, "user", "x", datetime(2026, 1, 1, 5, 30, tzinfo=east))
    transcript = replace(conversation(head="a"), messages=(message,))
    assert json.loads(to_json(transcript))["tree"][0]["created"] == "2026-01-01T00:00:00Z"


def test_an_answer_that_is_still_arriving_is_written_as_cut() -> None:
    message = Message("a", None, "assistant", "half", NOW, state=State.STREAMING)
    transcript = replace(conversation(head="a"), messages=(message,))
    assert json.loads(to_json(transcript))["tree"][0]["state"] == "cut"


def test_unknown_counts_of_a_server_survive() -> None:
    value = own()
    value["tree"][1]["usage"] = {"prompt_tokens": 3, "audio": {"tokens": 9}}
    transcript = read_one(value)
    assert transcript.messages[1].usage == Usage(prompt_tokens=3)
    assert json.loads(to_json(transcript))["tree"][1]["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": None,
        "cached_tokens": None,
        "reasoning_tokens": None,
        "audio": {"tokens": 9},
    }


@given(st.sampled_from(["api_key", "base_url", "extra.api_key", "API-Key", "Authorization"]))
def test_no_key_and_no_server_goes_out_or_comes_in(name: str) -> None:
    secret = "sk-secret"
    transcript = conversation(("user", "hi"), settings={name: secret, "extra.x": {name: secret}})
    message = replace(transcript.messages[0], parameters={name: secret}, extra={name: secret})
    transcript = replace(transcript, messages=(message,))
    assert secret not in to_json(transcript)
    value = own(settings={name: secret}, **{name: secret})
    value["tree"][0].update({"parameters": {name: secret}, name: secret})
    assert secret not in repr(read_one(value))


def test_a_schema_that_describes_a_key_survives() -> None:
    schema = {"properties": {"api_key": {"type": "string"}}}
    transcript = conversation(("user", "hi"), settings={"response_format": schema})
    [again] = read(to_json(transcript))
    assert again.record.settings == {"response_format": schema}


def test_a_bare_list_keeps_roles_names_and_places() -> None:
    transcript = read_one(
        [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hi", "name": "ann"},
            {"role": "system", "content": "now be long"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]},
            {"role": "tool", "content": "4", "tool_call_id": "c"},
        ]
    )
    assert transcript.system == "be brief"
    assert said(transcript) == [
        ("user", "hi"),
        ("system", "now be long"),
        ("assistant", ""),
        ("tool", "4"),
    ]
    assert transcript.path[0].name == "ann"
    assert json.loads(to_json(transcript))["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi", "name": "ann"},
        {"role": "system", "content": "now be long"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]},
        {"role": "tool", "content": "4", "tool_call_id": "c"},
    ]


def test_a_named_leading_system_message_stays_a_message() -> None:
    transcript = read_one([{"role": "system", "name": "example_user", "content": "hi"}])
    assert transcript.system is None
    assert [(one.role, one.name) for one in transcript.path] == [("system", "example_user")]


def test_parts_are_joined_and_kept() -> None:
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "text", "text": "here"},
    ]
    transcript = read_one([{"role": "user", "content": parts}])
    [message] = transcript.path
    assert message.content == "look\nhere"
    assert message.attachments == (parts[1],)
    [again] = read(to_json(transcript))
    assert again.messages == transcript.messages
    assert json.loads(to_json(again))["messages"] == [{"role": "user", "content": parts}]


@given(st.lists(st.fixed_dictionaries({"role": st.text(min_size=1), "content": JSON})))
def test_any_list_of_messages_is_read_or_refused_with_a_place(items: list[Any]) -> None:
    try:
        transcript = read_one(items) if items else None
    except UsageError as error:
        assert "[" in error.message
    else:
        kept = len(transcript.path) + (transcript.system is not None) if transcript else 0
        assert kept == len(items)


def test_an_object_with_messages_keeps_its_other_fields() -> None:
    value = {"messages": [{"role": "user", "content": "hi"}], "title": "T", "tools": [1]}
    transcript = read_one(value)
    assert (transcript.record.title, transcript.record.extra) == ("T", {"tools": [1]})
    assert json.loads(to_json(transcript))["tools"] == [1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("hello", "line 1, column 1"),
        ('{"tree": [\n  {"id": }', "line 2, column 10"),
        ('[{"role": "user"', "ends too early"),
        ('[{"role": "user", "content": ""}', "ends too early"),
        ('[{"role": "user", "content": ""} 1]', "line 1, column 34"),
        ("[] []", "empty"),
        ('{"tree": []} x', "more behind the end"),
        ("[]", "no message"),
        ("3", "a number"),
        ('"x"', "a text"),
        ('{"a": 1}', "no conversation"),
        ("[" * 100_000, "too deeply"),
        ('{"tree": [], "x": ' + '{"a":' * 700 + "1" + "}" * 701, "too deeply"),
        ("[" + "9" * 5000 + "]", "digits"),
        ("[1]", "[0]: must be an object, not a number"),
        ('[{"content": "x"}]', "[0].role: must be a text, missing"),
        ('[{"role": "user", "content": 5}]', "[0].content"),
        ('[{"role": "user", "content": [{"text": "x"}, 5]}]', "[0].content[1]"),
        ('{"messages": {}}', "messages: must be a list, not an object"),
        ('{"messages": [{"role": ""}]}', "messages[0].role: must not be empty"),
        ('{"version": 2, "tree": []}', "version 2"),
        ('{"version": "1", "tree": []}', "version: must be 1"),
    ],
)
def test_a_damaged_or_foreign_text_is_refused_with_what_is_wrong_and_where(
    text: str, words: str
) -> None:
    with pytest.raises(UsageError) as raised:
        read(text)
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": ""}, "tree[1].id"),
        ({"id": 5}, "tree[1].id: must be a text, not a number"),
        ({"id": "m0"}, "tree[1].id: “m0” is there twice"),
        ({"parent": "nobody"}, "tree[1].parent: no message “nobody”"),
        ({"parent": "m1"}, "tree[1].parent"),
        ({"role": None}, "tree[1].role"),
        ({"content": {}}, "tree[1].content"),
        ({"created": "yesterday"}, "tree[1].created: must be a time"),
        ({"created": "0001-01-01T00:00:00+14:00"}, "tree[1].created"),
        ({"state": "happy"}, "tree[1].state"),
        ({"usage": {"prompt_tokens": "many"}}, "tree[1].usage.prompt_tokens"),
        ({"attachments": ["x"]}, "tree[1].attachments[0]"),
        ({"pinned": 1}, "tree[1].pinned"),
        ({"summary_of": [1]}, "tree[1].summary_of"),
        ({"parameters": []}, "tree[1].parameters"),
    ],
)
def test_a_damaged_message_is_refused_with_its_place(changes: dict[str, Any], words: str) -> None:
    value = own()
    value["tree"][1].update(changes)
    with pytest.raises(UsageError) as raised:
        read_one(value)
    assert words in raised.value.message


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(UsageError, match="head: there is no message"):
        read_one(own(head="nobody"))


@given(st.data())
def test_a_text_that_was_cut_is_refused(data: st.DataObject) -> None:
    text = to_json(conversation(("user", "hi"), ("assistant", "ho"))).rstrip()
    end = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(UsageError):
        read(text[:end])


def test_numbers_beyond_json_do_not_make_the_next_file_invalid() -> None:
    text = '{"tree": [], "a": 1e999, "b": NaN, "c": 1.5}'
    [transcript] = read(text)
    value = json.loads(to_json(transcript), parse_constant=pytest.fail)
    assert (value["a"], value["b"], value["c"]) == ("1e999", "NaN", 1.5)


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert said(read("\ufeff" + json.dumps(own()))[0]) == [("user", "hi"), ("assistant", "ho")]


def test_progress_grows_with_each_conversation_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    text = json.dumps([own(), own(), own()])
    found = list(
        iter_json(text, new_id=ids(), now=NOW, on_progress=lambda *step: told.append(step))
    )
    assert len(found) == len(told) == 3
    assert told == sorted(told)
    assert told[-1] == (len(text) - 1, len(text))


def test_conversations_before_a_fault_are_read() -> None:
    reader = iter_json(json.dumps([own(), own(head="nobody")]), new_id=ids(), now=NOW)
    assert said(next(reader)) == [("user", "hi"), ("assistant", "ho")]
    with pytest.raises(UsageError, match=r"^\[1\].head"):
        next(reader)


@pytest.mark.parametrize("damaged", [3, "x", None, {"a": 1}, own(head="nobody"), {"mapping": []}])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_conversations_after_a_damaged_one_are_read_where_faults_are_taken(
    damaged: object, place: int
) -> None:
    whole: list[object] = [own(), own()]
    whole.insert(place, damaged)
    faults: list[UsageError] = []
    found = list(iter_json(json.dumps(whole), new_id=ids(), now=NOW, on_fault=faults.append))
    assert [said(one) for one in found] == [[("user", "hi"), ("assistant", "ho")]] * 2
    assert [fault.message.startswith(f"[{place}]") for fault in faults] == [True]


@given(transcripts())
def test_new_ids_change_nothing_but_ids(transcript: Transcript) -> None:
    renewed = with_new_ids(transcript, ids())
    assert [one.content for one in renewed.path] == [one.content for one in transcript.path]
    assert not {one.id for one in renewed.messages} & {one.id for one in transcript.messages}
    old = {new.id: one.id for new, one in zip(renewed.messages, transcript.messages, strict=True)}
    back = [old[one.parent] if one.parent else None for one in renewed.messages]
    assert back == [one.parent for one in transcript.messages]
    assert (
        Marks(
            frozenset(old[one] for one in renewed.marks.pinned),
            frozenset(old[one] for one in renewed.marks.dropped),
        )
        == transcript.marks
    )


def test_a_time_without_a_zone_is_utc() -> None:
    value = own(created="2026-01-01T00:00:00")
    assert read_one(value).record.created == datetime(2026, 1, 1, tzinfo=UTC)
