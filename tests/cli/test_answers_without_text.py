"""An answer without text is told, and the conversation goes on with servers that are strict."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatrepl.core.events import AnswerEnded, Event
from chatrepl.core.messages import State
from tests.support.events import answer_ends, answer_text, errors, notices
from tests.support.servers.sse_server import Answer, Raw, SseServer
from tests.support.servers.strict_server import faults_of, strict
from tests.support.wired_session import Home

DONE = b"data: [DONE]\n\n"


def stream(*deltas: dict[str, Any], reason: str | None = "stop", **fields: Any) -> Raw:
    """Script a streamed answer in exact bytes."""
    rows: list[dict[str, Any]] = [{"index": 0, "delta": delta} for delta in deltas]
    rows.append({"index": 0, "delta": {}, "finish_reason": reason, **fields})
    chunks = [json.dumps({"id": "r", "model": "m", "choices": [row]}) for row in rows]
    return Raw([b"data: " + chunk.encode() + b"\n\n" for chunk in chunks] + [DONE])


THOUGHT = {"reasoning_content": "hm, hm"}
EMPTY = {
    "thinking only": stream(THOUGHT),
    "cut while thinking": stream(THOUGHT, reason="length"),
    "nothing": stream({"content": ""}),
    "blanks": stream({"content": " "}, {"content": "\n"}),
    "withheld": stream({"content": ""}, reason="content_filter"),
    "tool": stream({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}),
    "blank refusal": stream({"refusal": " "}),
    "broken off while thinking": Raw(
        [b'data: {"choices":[{"index":0,"delta":{"reasoning":"hm"}}]}\n\n'], ending="cut"
    ),
}


def arguments(server: SseServer) -> list[str]:
    return ["--base-url", server.base_url, "-m", "m"]


@pytest.mark.parametrize("kind", EMPTY)
@pytest.mark.parametrize("has_reminder", [False, True])
def test_an_answer_without_text_never_blocks_the_conversation(
    tmp_path: Path, kind: str, has_reminder: bool
) -> None:
    home = Home(tmp_path)
    first = ["/reminder Be brief."] if has_reminder else []
    with SseServer(default=strict(EMPTY[kind], Answer("second"))) as server:
        events = home.talk(arguments(server), *first, "one", "two")
        later = home.talk([*arguments(server), "-c"], "three")
        bodies = [request.messages for request in server.requests if request.body]
    assert answer_text(events).strip().endswith("second")
    assert answer_text(later) == "ok"
    assert [len(body) for body in bodies] == [1, 3, 5]
    assert [faults_of(body) for body in bodies] == [[], [], []]
    assert [message["role"] for message in bodies[-1]] == ["user", "assistant"] * 2 + ["user"]


@pytest.mark.parametrize("kind", ["thinking only", "nothing", "blanks", "cut while thinking"])
def test_context_counts_what_stands_in_for_an_answer_without_text(
    tmp_path: Path, kind: str
) -> None:
    with SseServer(default=strict(EMPTY[kind])) as server:
        home = Home(tmp_path)
        events = home.talk(arguments(server), "one", "/request two")
        assert "[no answer]" in str(events)
        home.talk([*arguments(server), "-c"], "two")
        assert server.requests[-1].messages[1] == {"role": "assistant", "content": "[no answer]"}


@pytest.mark.parametrize("kind", ["cut while thinking", "broken off while thinking"])
def test_continue_after_thinking_that_was_cut_asks_again(tmp_path: Path, kind: str) -> None:
    with SseServer(default=strict(EMPTY[kind], Answer("there it is"))) as server:
        events = Home(tmp_path).talk(arguments(server), "one", "/continue", "two")
        sent = [[message["content"] for message in one.messages] for one in server.requests]
    assert "the last answer has no text to continue: asking again" in notices(events)
    assert sent == [["one"], ["one"], ["one", "there it is", "two"]]
    assert [ended.message.content for ended in ends_of(events)] == ["", "there it is", "ok"]


def ends_of(events: list[Event]) -> list[AnswerEnded]:
    return [event for event in events if isinstance(event, AnswerEnded)]


FAILURES: list[tuple[str, dict[str, Any], str]] = [
    ("error", {"error": {"code": 502, "message": "Upstream idle timeout"}}, "Upstream idle"),
    ("error", {"error": "the GPU fell over"}, "the GPU fell over"),
    ("network_error", {}, "network_error"),
    ("abort", {}, "abort"),
    ("insufficient_system_resource", {}, "insufficient_system_resource"),
]


@pytest.mark.parametrize(("reason", "fields", "words"), FAILURES)
def test_an_end_that_is_a_failure_is_told_and_the_text_kept(
    tmp_path: Path, reason: str, fields: dict[str, Any], words: str
) -> None:
    reply = stream({"content": "half of it"}, reason=reason, **fields)
    with SseServer(default=strict(reply)) as server:
        events = Home(tmp_path).talk(arguments(server), "one", "two")
    first = ends_of(events)[0].message
    assert (first.content, first.state, first.finish_reason) == ("half of it", State.CUT, reason)
    assert any(words in text for text in errors(events))


@pytest.mark.parametrize("reason", ["model_length", "MAX_TOKENS", "model_context_window_exceeded"])
def test_an_end_by_length_under_any_name_can_be_continued(tmp_path: Path, reason: str) -> None:
    reply = stream({"content": "half"}, reason=reason)
    with SseServer(default=strict(reply, Answer(" done"))) as server:
        events = Home(tmp_path).talk(arguments(server), "one", "/continue")
    assert ends_of(events)[-1].message.content == "half done"
    assert not errors(events)


def test_of_several_answers_one_that_failed_spoils_no_other(tmp_path: Path) -> None:
    body = b"".join(
        b'data: {"choices":[{"index":%d,"delta":{"content":"%s"}}]}\n\n'
        b'data: {"choices":[{"index":%d,"delta":{},"finish_reason":"%s"}]}\n\n'
        % (index, text, index, reason)
        for index, text, reason in [(1, b"good", b"stop"), (2, b"bad", b"network_error")]
    )
    with SseServer(default=strict(Raw([body, DONE]))) as server:
        events = Home(tmp_path).talk([*arguments(server), "--n", "2"], "one")
    ended = [(one.message.content, one.message.state) for one in answer_ends(events)]
    assert ended == [("good", State.COMPLETE), ("bad", State.CUT)]
    told = [one.error.text for one in answer_ends(events) if one.error is not None]
    assert len(told) == 1
    assert "network_error" in told[0]
