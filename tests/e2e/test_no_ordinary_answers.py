"""Refusals, filtered answers and tool calls, in every view and form."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.sse_server import SseServer, event
from tests.support.terminal.program import Run, Start

REFUSAL = "I cannot help with that."
REFUSES = "the model refuses to answer"
FILTERED = "content filter: the server cut the answer here"
TOOL = 'the model called a tool: get_weather({"city": "Oslo"})'
CALL: dict[str, Any] = {
    "index": 0,
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
}
KINDS = [
    pytest.param(({"refusal": REFUSAL},), "stop", (REFUSES, REFUSAL), id="refusal"),
    pytest.param(({"content": "Half of"},), "content_filter", ("Half of", FILTERED), id="filter"),
    pytest.param(({"tool_calls": [CALL]},), "tool_calls", (TOOL,), id="tool"),
]


def send(server: SseServer, deltas: tuple[dict[str, Any], ...], reason: str) -> None:
    """Script a streamed response of these deltas."""
    head: dict[str, Any] = {
        "id": "r1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "m",
    }
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": delta, "finish_reason": None} for delta in deltas
    ]
    choices.append({"index": 0, "delta": {}, "finish_reason": reason})
    chunks = [event({**head, "choices": [choice]}) for choice in choices]
    server.raw([*chunks, event("[DONE]")])


@pytest.mark.parametrize(("deltas", "reason", "shown"), KINDS)
@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_unusual_endings_are_told_live_in_history_and_after_a_restart(
    start: Start,
    server: SseServer,
    deltas: tuple[dict[str, Any], ...],
    reason: str,
    shown: tuple[str, ...],
    term: str,
) -> None:
    send(server, deltas, reason)
    chat = start(rows=40, env={"TERM": term}).expect("Ctrl+D leaves")
    chat.say("hello").expect(*shown)
    chat.say("/history")
    for text in shown:
        chat.expect_times(text, 2)
    chat.send("\x04")
    assert chat.wait_exit() == 0
    start("-c", rows=40, env={"TERM": term}).expect(*shown)


@pytest.mark.parametrize(("deltas", "reason", "shown"), KINDS)
def test_one_shot_tells_on_stderr_and_exports_say_it_too(
    run: Run,
    server: SseServer,
    tmp_path: Path,
    deltas: tuple[dict[str, Any], ...],
    reason: str,
    shown: tuple[str, ...],
) -> None:
    send(server, deltas, reason)
    done = run("--base-url", server.base_url, "hello")
    text, told = shown if len(shown) == 2 else ("", shown[0])
    if told == REFUSAL:
        text, told = told, text
    assert done.stdout.strip() == text
    assert told in done.stderr
    assert "the answer is empty" not in done.stderr
    for suffix in ("md", "html"):
        path = tmp_path / f"out.{suffix}"
        run("-c", "--export", str(path))
        written = path.read_text().replace("\\", "").replace("&quot;", '"')
        assert text in written
        said = "The model refused to answer" if told == REFUSES else told[0].upper() + told[1:]
        assert said in written


def test_a_refusal_is_a_refusal_in_every_json(run: Run, server: SseServer, tmp_path: Path) -> None:
    send(server, ({"refusal": "I cannot "}, {"refusal": "help with that."}), "stop")
    done = run("--base-url", server.base_url, "--json", "hello")
    assert json.loads(done.stdout)["refusal"] == REFUSAL
    path = tmp_path / "out.json"
    run("-c", "--export", str(path))
    sent = json.loads(path.read_text())["messages"][-1]
    assert sent == {"role": "assistant", "content": None, "refusal": REFUSAL}


def test_a_refusal_that_came_by_import_is_shown_and_sent_as_words(
    start: Start, server: SseServer, tmp_path: Path
) -> None:
    path = tmp_path / "in.json"
    said = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": None, "refusal": REFUSAL},
    ]
    path.write_text(json.dumps(said))
    chat = start(rows=40).ready().say(f"/import {path}").expect(REFUSES, REFUSAL)
    chat.say("why?").expect("You said: why?")
    assert server.requests[-1].messages[1] == {"role": "assistant", "content": REFUSAL}
    chat.leave()


def test_a_call_of_a_tool_is_sent_as_words_and_never_as_an_empty_answer(
    start: Start, server: SseServer
) -> None:
    send(server, ({"tool_calls": [CALL]},), "tool_calls")
    chat = start(rows=40).ready().say("hello").expect(TOOL)
    chat.say("and now?").expect("You said: and now?")
    words = '[called get_weather({"city": "Oslo"}): no such tool]'
    assert server.requests[-1].messages == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": words},
        {"role": "user", "content": "and now?"},
    ]
    chat.leave()
