"""Refused parameters: left out, told once, and remembered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatrepl.core.events import AnswerEnded, Notice, Table
from chatrepl.core.settings.table import SETTINGS
from tests.support.events import answer_text, errors, notices
from tests.support.servers.refusing_server import (
    SHAPES,
    Shape,
    azure,
    json_error,
    openai,
    refusing,
    vllm,
)
from tests.support.servers.sse_replies import Answer, Raw, RecordedRequest, Reply, event
from tests.support.servers.sse_server import SseServer, echo
from tests.support.wired_session import Home

SET = {
    "temperature": "/temperature 0.5",
    "top_p": "/top_p 0.9",
    "presence_penalty": "/presence_penalty 1",
    "frequency_penalty": "/frequency_penalty 1",
    "stop": "/stop END",
    "seed": "/seed 7",
    "logit_bias": "/logit_bias #5=5",
    "logprobs": "/logprobs on",
    "top_logprobs": "/top_logprobs 2",
    "reasoning_effort": "/reasoning_effort low",
    "verbosity": "/verbosity low",
    "response_format": "/response_format json_object",
    "service_tier": "/service_tier flex",
    "user": "/user someone",
    "top_k": "/set extra.top_k 40",
    "stream_options": "/stream on",
}


NAMES = {"max_tokens", "max_completion_tokens"}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("name", SET)
def test_a_refused_parameter_is_left_out_once_and_for_all(
    tmp_path: Path, name: str, shape: Shape
) -> None:
    home = Home(tmp_path / "home")
    with SseServer(default=refusing(name, shape)) as server:
        options = ["--base-url", server.base_url, "-m", "m", "--max-tokens", "50"]
        first = home.talk([*options, "-S", "s"], SET[name], "one", "two")
        # The session keeps the setting, and a later run what it learnt of it.
        later = home.talk([*options, "-r", "s"], "three")
        sent = [name in request.body for request in server.requests]
    assert sent == [True, False, False, False]
    assert answer_text(later) == "all is well"
    assert answer_text(first) == "all is well" * 2
    assert not errors(first)
    assert [text for text in notices(first) if "refuses" in text] == [
        f"m refuses {name}: sending it again without"
    ]
    repeated = server.requests[1].body
    assert {**repeated, name: server.requests[0].body[name]} == server.requests[0].body


def test_the_refused_parameters_cover_the_table() -> None:
    renamed_or_split = {"max_tokens", "n"}
    assert {setting.key for setting in SETTINGS if setting.is_parameter} == (
        SET.keys() - {"top_k", "stream_options"} | renamed_or_split
    )


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_refused_max_tokens_are_sent_by_their_other_name(tmp_path: Path, shape: Shape) -> None:
    home = Home(tmp_path / "home")
    with SseServer(default=refusing("max_tokens", shape)) as server:
        options = ["--base-url", server.base_url, "-m", "m", "--max-tokens", "50"]
        first = home.talk(options, "one", "two")
        home.talk(options, "three")
        names = [sorted(request.body.keys() & NAMES) for request in server.requests]
    new = ["max_completion_tokens"]
    assert names == [["max_tokens"], new, new, new]
    assert answer_text(first) == "all is well" * 2
    assert len([text for text in notices(first) if "max_completion_tokens" in text]) == 1


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_refused_answers_are_asked_for_one_by_one(tmp_path: Path, shape: Shape) -> None:
    home = Home(tmp_path / "home")
    with SseServer(default=refusing("n", shape)) as server:
        options = ["--base-url", server.base_url, "-m", "m", "--n", "3"]
        first = home.talk(options, "one", "two")
        home.talk(options, "three")
        sent = [request.body.get("n") for request in server.requests]
    assert sent == [3, *[None] * 9]
    told = "m does not give 3 answers to one request: sending 3 at once"
    assert notices(first).count(told) == 1
    assert not errors(first)


def llama_limit(wanted: int) -> tuple[int, Any]:
    message = f"Field 'n': Value must be between 1 <= value <= 4, but got {wanted}"
    return 400, {"error": {"code": 400, "message": message, "type": "invalid_request_error"}}


def openai_limit(wanted: int) -> tuple[int, Any]:
    message = f"Invalid 'n': integer above maximum value. Expected a value <= 4, but got {wanted}."
    code = "integer_above_max_value"
    return 400, {"error": {"message": message, "type": "x", "param": "n", "code": code}}


def fastapi_limit(_wanted: int) -> tuple[int, Any]:
    said_so = "Input should be less than or equal to 4"
    detail = {"type": "less_than_equal", "loc": ["body", "n"], "msg": said_so, "ctx": {"le": 4}}
    return 422, {"detail": [detail]}


@pytest.mark.parametrize("limit", [llama_limit, openai_limit, fastapi_limit])
def test_more_answers_than_a_server_gives_are_asked_for_in_groups(
    tmp_path: Path, limit: Callable[[int], tuple[int, Any]]
) -> None:
    home = Home(tmp_path / "home")

    def gives_four(request: RecordedRequest) -> Reply:
        wanted = request.body.get("n", 1)
        return json_error(*limit(wanted)) if wanted > 4 else Answer(["all is well"] * wanted)

    with SseServer(default=gives_four) as server:
        options = ["--base-url", server.base_url, "-m", "m", "--n", "6"]
        first = home.talk(options, "one", "/alternatives", "two")
        home.talk(options, "three")
        sent = [request.body.get("n") for request in server.requests]
    assert [sent[0], *map(sorted, (sent[1:3], sent[3:5], sent[5:7]))] == [6, *[[2, 4]] * 3]
    told = "m does not give 6 answers to one request: sending 2 for up to 4 each at once"
    assert notices(first).count(told) == 1
    assert not errors(first)
    assert len([event for event in first if isinstance(event, AnswerEnded)]) == 12


@pytest.mark.parametrize("name", ["temperature", "seed"])
def test_a_later_run_leaves_out_a_refused_parameter_and_says_so_once(
    tmp_path: Path, name: str
) -> None:
    home = Home(tmp_path / "home")
    values = {"temperature": ["-t", "0.5"], "seed": ["--seed", "7"]}
    with SseServer(default=refusing(name, openai)) as server:
        options = ["--base-url", server.base_url, "-m", "m", *values[name]]
        home.talk(options, "one")
        count = len(server.requests)
        events = home.talk(options, "two", "three")
        other = home.talk([*options, "-m", "other-model"], "four")
    later = server.requests[count : count + 2]
    assert [name in request.body for request in later] == [False, False]
    told = [text for text in notices(events) if "is not sent" in text]
    assert told == [f"{name} is not sent: m refused it before"]
    assert server.requests[count + 2].body[name]
    assert answer_text(other) == "all is well"


def test_a_parameter_that_is_set_anew_is_tried_anew(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    def only_one(request: RecordedRequest) -> Reply:
        if request.body.get("temperature", 1) != 1:
            return json_error(*openai("temperature"))
        return Answer("all is well")

    with SseServer(default=only_one) as server:
        options = ["--base-url", server.base_url, "-m", "m"]
        home.talk(options, "/temperature 0.2", "one", "/temperature 1", "two")
        home.talk(options, "/temperature 0.2", "three")
        home.talk(options, "/temperature 1", "four")
    sent = [request.body.get("temperature") for request in server.requests]
    assert sent == [0.2, None, 1, 0.2, None, 1]


def test_a_field_of_the_server_s_own_that_is_set_anew_is_tried_anew(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer(default=refusing("top_k", vllm)) as server:
        options = ["--base-url", server.base_url, "-m", "m"]
        home.talk(options, "/set extra.top_k 4", "one", "two")
        home.talk(options, "/set extra.top_k 3", "three")
        sent = [request.body.get("top_k") for request in server.requests]
    assert sent == [4, None, None, 3, None]


def test_a_new_name_is_learnt_and_remembered(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    def wants_new_name(request: RecordedRequest) -> Reply:
        if "max_tokens" not in request.body:
            return Answer("all is well")
        status, body = openai("max_tokens")
        body["error"]["message"] += " Use 'max_completion_tokens' instead."
        return json_error(status, body)

    with SseServer(default=wants_new_name) as server:
        options = ["--base-url", server.base_url, "-m", "m", "--max-tokens", "50"]
        first = home.talk(options, "one")
        home.talk(options, "two")
    sent = [
        (request.body.get("max_tokens"), request.body.get("max_completion_tokens"))
        for request in server.requests
    ]
    assert sent == [(50, None), (None, 50), (None, 50)]
    assert "m wants max_completion_tokens instead of max_tokens: sending it again so" in notices(
        first
    )


def test_a_server_that_refuses_both_names_gets_neither(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    def refuses_both(request: RecordedRequest) -> Reply:
        for name in ("max_tokens", "max_completion_tokens"):
            if name in request.body:
                return json_error(*azure(name))
        return Answer("all is well")

    with SseServer(default=refuses_both) as server:
        options = ["--base-url", server.base_url, "-m", "m", "--max-tokens", "50"]
        events = home.talk(options, "one", "two")
    assert answer_text(events) == "all is well" * 2
    assert len(server.requests) == 4


def test_a_server_that_refuses_to_stream_answers_whole(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer(default=refusing("stream", openai)) as server:
        events = home.talk(["--base-url", server.base_url, "-m", "m"], "one")
    assert answer_text(events) == "all is well"
    assert "stream_options" not in server.requests[1].body


def test_refused_streaming_is_told_in_each_run_and_tried_again(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer(default=refusing("stream", openai)) as server:
        options = ["--base-url", server.base_url, "-m", "m"]
        home.talk(options, "one")
        later = home.talk(options, "two", "three", "/set", "/stream", "/info", "/stream on")
        told = [event for event in later if isinstance(event, Notice) and "stream" in event.text]
        tables = [event for event in later if isinstance(event, Table)]
        server.default = echo
        anew = home.talk(options, "/set", "four")
    assert [notice.text for notice in told] == [
        "stream is not sent: m refused it before",
        "stream: on  (default): not sent, m refused it",
        "stream: on",
    ]
    assert told[0].hint == "/stream on tries it again"
    how = "stream: m refused it; /stream on tries it again"
    assert ("stream", "on (not sent)", "default") in tables[0].rows
    assert how in tables[0].footer
    assert ("not sent", how) in tables[1].rows
    assert server.requests[-1].body["stream"] is True
    assert server.requests[-1].body["stream_options"] == {"include_usage": True}
    assert answer_text(anew) == "You said: four"


def test_a_server_that_refuses_without_end_is_not_asked_without_end(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    def refuses_all(request: RecordedRequest) -> Reply:
        name = next((key for key in request.body if key not in ("model", "messages")), "model")
        return json_error(*openai(name))

    with SseServer(default=refuses_all) as server:
        options = ["--base-url", server.base_url, "-m", "m", "--max-tokens", "50", "-t", "1"]
        events = home.talk(options, "one")
    assert errors(events)
    assert len(server.requests) <= 8


def test_an_error_inside_the_stream_before_any_text_is_repaired_too(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    def in_stream(request: RecordedRequest) -> Reply:
        if "seed" in request.body:
            return Raw([event(openai("seed")[1])])
        return Answer("all is well")

    with SseServer(default=in_stream) as server:
        events = home.talk(["--base-url", server.base_url, "-m", "m", "--seed", "3"], "one")
    assert answer_text(events) == "all is well"
    assert len(server.requests) == 2


def test_a_run_off_the_disk_leaves_no_trace_of_what_it_learnt(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer(default=refusing("seed", openai)) as server:
        options = ["--base-url", server.base_url, "-m", "m", "--seed", "3", "--no-save"]
        home.talk(options, "one")
    assert not [path for path in home.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"parameters": 3}', b'{"parameters": {"x": 1}}', b"\xff\xfe"]
)
def test_a_damaged_memory_counts_as_empty(tmp_path: Path, damage: bytes) -> None:
    home = Home(tmp_path / "home")
    path = home.folder / "cache" / "learnt.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)
    with SseServer(default=refusing("seed", openai)) as server:
        options = ["--base-url", server.base_url, "-m", "m", "--seed", "3"]
        assert answer_text(home.talk(options, "one")) == "all is well"
        home.talk(options, "two")
    assert len(server.requests) == 3


def test_values_that_a_model_takes_are_told_with_the_refusal_of_one(tmp_path: Path) -> None:
    def takes_low(request: RecordedRequest) -> Reply:
        if request.body.get("reasoning_effort") == "minimal":
            message = (
                "'reasoning_effort' does not support 'minimal'. Allowed values: 'low', 'high'."
            )
            error = {"message": message, "param": "reasoning_effort", "code": "unsupported_value"}
            return json_error(400, {"error": error})
        return Answer("all is well")

    with SseServer(default=takes_low) as server:
        options = ["--base-url", server.base_url, "-m", "m"]
        lines = ("/reasoning_effort minimal", "one", "/reasoning_effort low", "two")
        events = Home(tmp_path / "home").talk(options, *lines)
    sent = [request.body.get("reasoning_effort") for request in server.requests]
    assert sent == ["minimal", None, "low"]
    told = "m refuses this reasoning_effort (it takes low, high): sending it again without"
    assert told in notices(events)


def test_another_parameter_is_no_other_name_for_a_refused_one(tmp_path: Path) -> None:
    def wants_top_p(request: RecordedRequest) -> Reply:
        if "temperature" in request.body:
            error = {"message": "'temperature' is not supported. Use 'top_p' instead."}
            return json_error(400, {"error": error})
        return Answer("all is well")

    with SseServer(default=wants_top_p) as server:
        options = ["--base-url", server.base_url, "-m", "m", "-t", "0.9"]
        events = Home(tmp_path / "home").talk(options, "one")
    assert answer_text(events) == "all is well"
    assert "top_p" not in server.requests[-1].body


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens is too large: the limit is 4096",
        "temperature must be between 0 and 1",
        "temperature and top_p cannot both be set",
    ],
)
def test_an_error_that_refuses_no_parameter_is_told_and_asked_once(
    tmp_path: Path, text: str
) -> None:
    with SseServer() as server:
        server.error(400, {"error": {"message": text}})
        options = ["--base-url", server.base_url, "-m", "m", "-t", "1", "--max-tokens", "900"]
        events = Home(tmp_path / "home").talk([*options, "--top-p", "0.5"], "one")
    assert len(server.requests) == 1
    assert any(text in told for told in errors(events))
