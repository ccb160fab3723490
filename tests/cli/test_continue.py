"""``/continue``: going on with a cut answer in each server's own way."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatrepl.core.events import PlainText, Table
from chatrepl.core.servers.continuation import INSTRUCTION
from tests.support.events import answer_ends, answer_text, errors
from tests.support.servers.sse_server import SseServer
from tests.support.wired_session import Home


def listed(owner: str) -> list[str | dict[str, Any]]:
    return [{"id": "m", "object": "model", "owned_by": owner}]


@pytest.mark.parametrize(
    ("owner", "fields", "last"),
    [
        ("openai", {}, {"role": "user", "content": INSTRUCTION}),
        ("llamacpp", {}, {"role": "assistant", "content": "one two "}),
        (
            "vllm",
            {"add_generation_prompt": False, "continue_final_message": True},
            {"role": "assistant", "content": "one two "},
        ),
        (
            "sglang",
            {"add_generation_prompt": False, "continue_final_message": True},
            {"role": "assistant", "content": "one two "},
        ),
    ],
)
def test_a_cut_answer_is_gone_on_with_in_the_server_s_own_way(
    tmp_path: Path, owner: str, fields: dict[str, Any], last: dict[str, Any]
) -> None:
    home = Home(tmp_path / "home")
    with SseServer() as server:
        server.models = listed(owner)
        server.answer("one two ", finish_reason="length")
        server.answer("three")
        server.answer("fine")
        events = home.talk(
            ["--base-url", server.base_url, "-m", "m", "-S", "s"], "count", "/continue", "thanks"
        )
        later = home.talk(["--base-url", server.base_url, "-r", "s"], "/undo", "/alternatives")
    assert not errors(events)
    asked = [request for request in server.requests if request.method == "POST"]
    going_on = asked[1].body
    assert going_on["messages"][-1] == last
    assert {key: going_on[key] for key in fields} == fields
    assert set(going_on) - set(fields) == set(asked[0].body)
    joined = answer_ends(events)[1].message
    assert (joined.content, joined.finish_reason) == ("one two three", "stop")
    assert [message["content"] for message in asked[2].messages] == [
        "count",
        "one two three",
        "thanks",
    ]
    assert answer_text(events) == "one two threefine"
    assert "one two" in str(later)


def test_a_continued_answer_that_is_cut_again_goes_on_from_all_of_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer() as server:
        server.models = listed("llamacpp")
        for text in ("a ", "b ", "c"):
            server.answer(text, finish_reason="stop" if text == "c" else "length")
        events = home.talk(
            ["--base-url", server.base_url, "-m", "m"], "go", "/continue", "/continue", "/continue"
        )
    assert answer_ends(events)[-1].message.content == "a b c"
    assert errors(events) == ["the last answer is whole"]


def test_a_stopped_stream_keeps_the_old_and_the_new_part_on_disk(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer() as server:
        server.models = listed("llamacpp")
        server.answer("first part, ", finish_reason="length")
        server.answer("second part is long", cut_after_bytes=600, ending="reset")
        home.talk(["--base-url", server.base_url, "-m", "m", "-S", "s"], "go", "/continue")
        events = home.talk(["--base-url", server.base_url, "-m", "m", "-r", "s"], "/copy")
        server.answer("!", finish_reason="stop")
        again = home.talk(["--base-url", server.base_url, "-m", "m", "-r", "s"], "/continue")
    assert not errors(events)
    whole = answer_ends(again)[0].message.content
    assert whole.startswith("first part, s")
    assert whole.endswith("!")


def test_a_cut_answer_stays_in_place_where_continue_brings_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer() as server:
        server.answer("half ", finish_reason="length")
        server.error(400, {"error": {"message": "no"}})
        server.answer("fine")
        home.talk(["--base-url", server.base_url, "-m", "m"], "go", "/continue", "next")
    asked = [request for request in server.requests if request.method == "POST"]
    assert [message["content"] for message in asked[-1].messages] == ["go", "half ", "next"]


def test_there_must_be_an_answer_to_go_on_with(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    events = home.talk(["--base-url", "http://127.0.0.1:1/v1", "-m", "m"], "/continue")
    assert errors(events) == ["there is no answer to go on with"]


def test_info_tells_times_speed_and_fingerprint_of_the_last_response(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer() as server:
        server.answer("a longer answer than that", chunk_chars=1, delay_s=0.02)
        events = home.talk(["--base-url", server.base_url, "-m", "m"], "go", "/info", "/response")
    table = next(event for event in events if isinstance(event, Table))
    rows = {row[0]: row[1] for row in table.rows}
    assert rows["fingerprint"] == "fp_loopback"
    assert rows["finish reason"] == "stop"
    assert rows["first text"].endswith(" s")
    assert rows["speed"].endswith(" tokens a second")
    assert "timing" not in str(events[-1])
    told = next(event.text for event in events if isinstance(event, PlainText))
    response = json.loads(told)
    assert response["object"] == "chat.completion"
    assert response["system_fingerprint"] == "fp_loopback"
    assert set(response["choices"][0]["message"]) == {"role", "content"}
