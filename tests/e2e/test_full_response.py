"""``/response``: the API's own object, assembled from a stream."""

import json
from typing import Any

import pytest

from tests.support.servers.sse_server import SseServer, event
from tests.support.terminal.program import Run

CREATED = 1_600_000_000
HEAD: dict[str, Any] = {
    "id": "chatcmpl-7",
    "created": CREATED,
    "model": "m-2026",
    "service_tier": "flex",
    "system_fingerprint": "fp_1",
}
USAGE: dict[str, Any] = {
    "prompt_tokens": 9,
    "completion_tokens": 12,
    "total_tokens": 21,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 3, "accepted_prediction_tokens": 1},
    "cost_in_credits": 0.25,
}
CALL: dict[str, Any] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "f", "arguments": "{}"},
}
LOGPROBS = {"content": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}]}
WHOLE: dict[str, Any] = {
    **HEAD,
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hi",
                "reasoning_content": "Hm",
            },
            "logprobs": LOGPROBS,
            "finish_reason": "stop",
        },
        {
            "index": 1,
            "message": {"role": "assistant", "content": None, "refusal": "No."},
            "logprobs": None,
            "finish_reason": "stop",
        },
        {
            "index": 2,
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [CALL],
            },
            "logprobs": None,
            "finish_reason": "tool_calls",
        },
    ],
    "usage": USAGE,
}


def in_chunks() -> list[bytes]:
    """Cut the response into the parts of a stream."""
    choices = [
        {"index": 0, "delta": {"reasoning_content": "Hm"}},
        {"index": 0, "delta": {"content": "Hi"}, "logprobs": LOGPROBS},
        {"index": 1, "delta": {"refusal": "No."}},
        {"index": 2, "delta": {"tool_calls": [{"index": 0, **CALL}]}},
        {"index": 1, "delta": {}, "finish_reason": "stop"},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
        {"index": 2, "delta": {}, "finish_reason": "tool_calls"},
    ]
    chunk = {**HEAD, "object": "chat.completion.chunk"}
    parts = [event({**chunk, "choices": [choice]}) for choice in choices]
    return [*parts, event({**chunk, "choices": [], "usage": USAGE}), event("[DONE]")]


def shown(stdout: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stdout[stdout.index("{\n") :])
    return found


@pytest.mark.parametrize("streams", [True, False])
def test_all_choices_of_a_response_with_their_fields_survive_a_restart(
    run: Run, server: SseServer, streams: bool
) -> None:
    if streams:
        server.raw(in_chunks())
    else:
        server.raw(json.dumps(WHOLE).encode(), "application/json")
    options = ("--base-url", server.base_url, "--n", "3", *(() if streams else ("--no-stream",)))
    assert run(*options, "hello").returncode == 0
    again = shown(run("-c", "--script", "-", stdin="/response\n").stdout)
    assert again == WHOLE
    picked = run("-c", "--script", "-", stdin="/pick 3\n/response\n").stdout
    assert shown(picked)["choices"] == again["choices"]


def test_the_time_is_the_servers_own_where_it_told_one(run: Run, server: SseServer) -> None:
    server.raw(in_chunks())
    told = run("--base-url", server.base_url, "--script", "-", stdin="hello\n/info\n").stdout
    assert "2020-09-13 12:26:40 UTC" in told
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    server.raw([event(chunk), event("[DONE]")])
    told = run("--base-url", server.base_url, "--script", "-", stdin="hello\n/info\n").stdout
    assert "by this machine's clock" in told
    server.raw(in_chunks())
    told = run("--base-url", server.base_url, "--json", "hello").stdout
    assert json.loads(told)["created"] == CREATED


def test_a_continued_answer_shows_the_response_that_came_and_not_what_it_was_joined_to(
    run: Run, server: SseServer
) -> None:
    server.answer("One two", finish_reason="length")
    server.answer(" three")
    lines = "count\n/continue\n/response\n"
    stdout = run("--base-url", server.base_url, "--script", "-", stdin=lines).stdout
    assert "One two three" in run("-c", "--script", "-", stdin="/history\n").stdout
    [choice] = shown(stdout)["choices"]
    assert choice["message"]["content"] == " three"
