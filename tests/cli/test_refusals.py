import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.talking import Home, errors, notices, said
from tests.support.sse_replies import Answer, Raw, RecordedRequest, Reply, event
from tests.support.sse_server import SseServer

Shape = Callable[[str], tuple[int, Any]]


def openai(name: str) -> tuple[int, Any]:
    return 400, {
        "error": {
            "message": f"Unsupported parameter: '{name}' is not supported with this model.",
            "type": "invalid_request_error",
            "param": name,
            "code": "unsupported_parameter",
        }
    }


def azure(name: str) -> tuple[int, Any]:
    message = f"Unrecognized request argument supplied: {name}"
    return 400, {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }
    }


def vllm(name: str) -> tuple[int, Any]:
    return 400, {
        "object": "error",
        "message": f"[{{'type': 'extra_forbidden', 'loc': ('body', '{name}'), 'msg': 'Extra "
        "inputs are not permitted', 'input': 1}]",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }


def llama_cpp(name: str) -> tuple[int, Any]:
    return 400, {
        "error": {
            "code": 400,
            "message": f"Unsupported param: {name}",
            "type": "invalid_request_error",
        }
    }


def fastapi(name: str) -> tuple[int, Any]:
    return 422, {
        "detail": [
            {
                "type": "extra_forbidden",
                "loc": ["body", name],
                "msg": "Extra inputs are not permitted",
                "input": 1,
            }
        ]
    }


SHAPES: list[Shape] = [openai, azure, vllm, llama_cpp, fastapi]

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


def json_error(status: int, body: Any) -> Raw:
    return Raw([json.dumps(body).encode()], status, "application/json")


def refusing(name: str, shape: Shape) -> Callable[[RecordedRequest], Reply]:
    def choose(request: RecordedRequest) -> Reply:
        if name in request.body:
            return json_error(*shape(name))
        return Answer("all is well")

    return choose


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("name", SET)
def test_a_refused_parameter_is_left_out_once_and_for_all(
    tmp_path: Path, name: str, shape: Shape
) -> None:
    home = Home(tmp_path / "home")
    with SseServer(default=refusing(name, shape)) as server:
        options = ["--base-url", server.base_url, "-m", "m", "--max-tokens", "50"]
        first = home.talk(options, SET[name], "one", "two")
        assert [name in request.body for request in server.requests] == [True, False, False]
    assert said(first) == "all is well" * 2
    assert not errors(first)
    assert [text for text in notices(first) if "refuses" in text] == [
        f"m refuses {name}: sending it again without"
    ]
    repeated = server.requests[1].body
    assert {**repeated, name: server.requests[0].body[name]} == server.requests[0].body


@pytest.mark.parametrize("name", ["temperature", "seed"])
def test_a_later_run_knows_it_and_says_so_once(tmp_path: Path, name: str) -> None:
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
    assert said(other) == "all is well"


def test_a_parameter_that_is_set_anew_is_tried_anew(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    def only_one(request: RecordedRequest) -> Reply:
        if request.body.get("temperature", 1) != 1:
            return json_error(*openai("temperature"))
        return Answer("all is well")

    with SseServer(default=only_one) as server:
        options = ["--base-url", server.base_url, "-m", "m"]
        home.talk(options, "/temperature 0.2", "one", "/temperature 1", "two")
        home.talk(options, "/temperature 1", "three")
    sent = [request.body.get("temperature") for request in server.requests]
    assert sent == [0.2, None, 1, 1]


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
    assert said(events) == "all is well" * 2
    assert len(server.requests) == 4


def test_a_server_that_refuses_to_stream_answers_whole(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer(default=refusing("stream", openai)) as server:
        events = home.talk(["--base-url", server.base_url, "-m", "m"], "one")
    assert said(events) == "all is well"
    assert "stream_options" not in server.requests[1].body


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
    assert said(events) == "all is well"
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
        assert said(home.talk(options, "one")) == "all is well"
        home.talk(options, "two")
    assert len(server.requests) == 3
