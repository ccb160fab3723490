import asyncio
import threading
from contextlib import aclosing
from typing import Any

import pytest

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import ReasoningDelta, ResponseStarted, TextDelta
from chatrepl.core.messages import Usage
from chatrepl.services.openai_api import OpenAIChatModel
from tests.support.servers.api_requests import ask, ask_with, request_for, server_at
from tests.support.servers.sse_server import SseServer, event


def delta(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return event({"id": "r1", "model": "m", "choices": [choice]})


DONE = b"data: [DONE]\n\n"


def test_an_answer_arrives_whole_with_its_names_end_and_usage() -> None:
    with SseServer() as server:
        server.answer("Grüße, 東京! 😀", model="real-name", reasoning="hm, well")
        outcome = ask(server_at(server.base_url))
    assert outcome.error is None
    assert outcome.events[0] == ResponseStarted(
        "chatcmpl-1", "real-name", 1_700_000_001, "fp_loopback"
    )
    assert outcome.text() == "Grüße, 東京! 😀"
    assert outcome.reasoning == "hm, well"
    assert outcome.finish_reasons == ["stop"]
    assert outcome.usage == Usage(9, 5, 0, 2)


def test_the_body_travels_to_the_letter() -> None:
    body: dict[str, Any] = {
        "model": "m",
        "messages": [{"role": "user", "content": "é", "name": "x", "odd": None}],
        "stream": True,
        "temperature": 0.5,
        "stop": ["\n"],
        "logit_bias": {"5": -100},
        "top_k": 3,
        "future": {"deep": [1, None]},
    }
    with SseServer() as server:
        request = request_for(server_at(server.base_url), **body)
        body.setdefault("stream_options", request.body["stream_options"])
        ask(server_at(server.base_url), **body)
        assert server.requests[0].body == body
        assert server.requests[0].path == "/v1/chat/completions"


@pytest.mark.parametrize("stream", [True, False])
def test_several_choices_arrive_each_under_its_index(stream: bool) -> None:
    with SseServer() as server:
        server.answer(["first", "second", "third"])
        outcome = ask(server_at(server.base_url), n=3, stream=stream)
    assert [outcome.text(index) for index in range(4)] == ["first", "second", "third", ""]
    assert outcome.finish_reasons == ["stop"] * 3


def test_an_answer_that_does_not_stream_gives_the_same_events() -> None:
    outcomes = []
    with SseServer() as server:
        for stream in (True, False):
            server.answer("the same", reasoning="thought", finish_reason="length")
            outcomes.append(ask(server_at(server.base_url), stream=stream))
    streamed, whole = (outcome.events[1:] for outcome in outcomes)
    assert streamed == whole
    assert outcomes[1].error is None


def test_all_deltas_of_one_network_read_are_one_event() -> None:
    with SseServer() as server:
        server.raw(b"".join(delta(str(i)) for i in range(100)) + delta("", "stop") + DONE)
        outcome = ask(server_at(server.base_url))
    texts = [one for one in outcome.events if isinstance(one, TextDelta)]
    assert outcome.text() == "".join(map(str, range(100)))
    assert len(texts) <= 3


async def test_text_is_handed_over_as_soon_as_it_came() -> None:
    gate = threading.Event()
    with SseServer() as server:
        server.answer("before the gate", gate=gate, gate_after_chars=8, chunk_chars=1)
        model = OpenAIChatModel()
        texts = []
        async with aclosing(model.stream(request_for(server_at(server.base_url)))) as events:
            async for one in events:
                if isinstance(one, TextDelta):
                    texts.append(one.text)
                    if len("".join(texts)) == 8:
                        gate.set()
        await model.close()
    assert "".join(texts) == "before the gate"


async def test_closing_the_stream_hangs_up_at_once() -> None:
    gate = threading.Event()
    with SseServer() as server:
        server.answer("a long answer", gate=gate, gate_after_chars=4)
        model = OpenAIChatModel()
        async with aclosing(
            model.stream(request_for(server_at(server.base_url, timeout_s=3600)))
        ) as events:
            async for one in events:
                if isinstance(one, TextDelta):
                    break
        assert await asyncio.to_thread(server.requests[0].hung_up.wait, 10)
        await model.close()


@pytest.mark.parametrize("held", ["before the headers", "in the middle"])
async def test_cancelling_whoever_reads_hangs_up_at_once(held: str) -> None:
    with SseServer() as server:
        if held == "before the headers":
            server.silence()
        else:
            server.answer("a long answer", gate=threading.Event(), gate_after_chars=4)
        model = OpenAIChatModel()
        reading = asyncio.create_task(
            ask_with(model, request_for(server_at(server.base_url, timeout_s=3600)))
        )
        await asyncio.to_thread(server.wait_for_requests, 1)
        if held == "in the middle":
            await asyncio.to_thread(server.at_gate.wait, 10)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await asyncio.to_thread(server.requests[0].hung_up.wait, 10)
        await model.close()


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (delta("x", "stop"), "x"),
        (delta("x") + DONE, "x"),
        (delta("x") + b"data: [DONE]", "x"),
        (delta("x", "stop")[:-2], "x"),
        (b"\xef\xbb\xbf" + delta("x", "stop") + DONE, "x"),
        (b"\r\n\r\n" + delta("x", "stop").replace(b"\n", b"\r\n") + DONE, "x"),
        (delta("x", "stop").replace(b"\n", b"\r") + DONE, "x"),
        (b": hi\n\n" + delta("a") + b"data: ping\n\n" + delta("b", "stop") + DONE, "ab"),
        (b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n' + delta("b", "stop"), "\ufffdb"),
        (delta("x", "stop") + DONE + b"garbage after the end", "x"),
    ],
)
def test_odd_but_complete_streams_are_no_error(body: bytes, texts: str) -> None:
    with SseServer() as server:
        server.raw(body)
        outcome = ask(server_at(server.base_url))
    assert (outcome.text(), outcome.error) == (texts, None)


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (b"", "text/event-stream", "empty reply"),
        (b"", "application/json", "empty reply"),
        (b" \n \n", "text/event-stream", "empty reply"),
        (DONE, "text/event-stream", "empty reply"),
        (b": ping\n\n" * 9, "text/event-stream", "empty reply"),
        (b'{"choices": []}', "application/json", "empty reply"),
        (b"<html><title>Sign in</title>", "text/html", "a web page came.*Sign in"),
        (b"<!DOCTYPE html><h1>Sign <b>in</b></h1>", "text/event-stream", "Sign in"),
        (b"<html>" + b"x" * 200_000, "text/html", "a web page came"),
        (b'{"error": {"message": "no luck"}}', "application/json", "no luck"),
        (b'{"error": "no luck"}', "text/event-stream", "no luck"),
        (b'{"detail": "no luck"}', "application/json", "no luck"),
        (b'{"hello": "there"}', "application/json", "something else than an answer.*there"),
        (b"[]", "application/json", "something else"),
        (b"{broken", "application/json", "something else.*broken"),
        (b"Internal Server Oops", "text/plain", "Internal Server Oops"),
        (b"data: upstream died\n\n", "text/event-stream", "upstream died"),
        (b'event: error\ndata: {"message": "no luck"}\n\n', "text/event-stream", "no luck"),
        (b"event: error\ndata: no luck\n\n", "text/event-stream", "no luck"),
    ],
)
def test_a_success_that_holds_no_answer_is_never_a_blank_one(
    body: bytes, content_type: str, words: str
) -> None:
    with SseServer() as server:
        server.raw(body, content_type=content_type)
        outcome = ask(server_at(server.base_url))
    assert outcome.error is not None
    assert outcome.error.fault in (Fault.BAD_RESPONSE, Fault.SERVER)
    with pytest.raises(ModelError, match=words):
        raise outcome.error


@pytest.mark.parametrize(
    "tail",
    [
        b'data: {"error": {"message": "it died"}}\n\n',
        b'data: {"error": "it died"}\n\n',
        b'event: error\ndata: {"message": "it died"}\n\n',
        b"data: it died\n\n",
        b'data: {"choices": it died}\n\n',
    ],
)
def test_an_error_in_the_middle_keeps_what_came_and_tells_the_servers_words(tail: bytes) -> None:
    with SseServer() as server:
        server.raw(delta("kept") + tail)
        outcome = ask(server_at(server.base_url))
    assert outcome.text() == "kept"
    assert "it died" in outcome.said


def test_a_completion_comes_as_json_although_a_stream_was_asked_for() -> None:
    with SseServer() as server:
        server.raw(
            b'{"id": "r", "choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}],'
            b' "usage": {"prompt_tokens": 1}}',
            content_type="application/json",
        )
        outcome = ask(server_at(server.base_url))
    assert (outcome.text(), outcome.error, outcome.usage) == ("whole", None, Usage(1))


@pytest.mark.parametrize(
    ("delta_of", "what"),
    [
        ({"reasoning_content": "only thinking"}, "reasoning"),
        ({"refusal": "I will not"}, "refusal"),
    ],
)
def test_an_answer_without_text_still_shows_what_came(delta_of: Any, what: str) -> None:
    with SseServer() as server:
        server.raw(event({"choices": [{"delta": delta_of, "finish_reason": "stop"}]}) + DONE)
        outcome = ask(server_at(server.base_url))
    assert outcome.error is None
    assert getattr(outcome, what) == next(iter(delta_of.values()))


def test_thinking_reaches_the_reader_before_the_text() -> None:
    with SseServer() as server:
        server.answer("text", reasoning="thought", reasoning_field="reasoning")
        outcome = ask(server_at(server.base_url))
    kinds = [type(one) for one in outcome.events if isinstance(one, ReasoningDelta | TextDelta)]
    assert kinds == [ReasoningDelta, TextDelta]


@pytest.mark.parametrize(
    "pieces",
    [
        [0.0],
        [b": keep-alive\n\n", 0.05] * 200,
        [b"d", 0.05] * 200,
        [event({"choices": [{"delta": {"content": ""}}]}), 0.05] * 200,
        [b" ", 0.05] * 200,
    ],
    ids=["silence", "keep-alives", "trickle", "empty deltas", "blanks"],
)
def test_only_what_belongs_to_an_answer_keeps_the_wait_alive(pieces: list[bytes | float]) -> None:
    with SseServer() as server:
        server.raw(pieces, ending="stall")
        outcome = ask(server_at(server.base_url, timeout_s=1.0))
        assert server.requests[0].hung_up.wait(10)
    assert outcome.fault is Fault.TIMEOUT


def test_a_stall_in_the_middle_keeps_what_came() -> None:
    with SseServer() as server:
        server.raw([delta("kept"), b": keep-alive\n\n"], ending="stall")
        outcome = ask(server_at(server.base_url, timeout_s=0.4))
    assert (outcome.text(), outcome.fault) == ("kept", Fault.TIMEOUT)


def test_a_server_that_never_answers_is_told_by_name() -> None:
    with SseServer() as server:
        server.silence()
        outcome = ask(server_at(server.base_url, timeout_s=0.4))
        assert server.requests[0].hung_up.wait(10)
    assert outcome.fault is Fault.TIMEOUT
    assert f"127.0.0.1:{server.port}" in outcome.said


def test_slow_but_steady_text_outlasts_the_wait() -> None:
    with SseServer() as server:
        server.answer("steady as she goes, to the end", chunk_chars=1, delay_s=0.06)
        outcome = ask(server_at(server.base_url, timeout_s=1.2))
    assert (outcome.text(), outcome.error) == ("steady as she goes, to the end", None)


@pytest.mark.parametrize(
    "tail", [[], [DONE], [event({"choices": [], "usage": {"prompt_tokens": 3}})]]
)
def test_a_stall_after_the_finish_reason_is_the_end(tail: list[bytes | float]) -> None:
    with SseServer() as server:
        server.raw([delta("all of "), delta("it", "stop"), *tail], ending="stall")
        outcome = ask(server_at(server.base_url, timeout_s=60))
        assert server.requests[0].hung_up.wait(10)
    assert (outcome.text(), outcome.error) == ("all of it", None)


def test_usage_that_comes_late_is_waited_for() -> None:
    with SseServer() as server:
        usage = event({"choices": [], "usage": {"prompt_tokens": 3}})
        server.raw([delta("all of it", "stop"), 0.3, usage + DONE])
        outcome = ask(server_at(server.base_url))
    assert outcome.usage == Usage(3)


async def test_two_answers_stream_at_the_same_time() -> None:
    gate = threading.Event()
    with SseServer() as server:
        server.answer("first of two", gate=gate, gate_after_chars=4)
        model = OpenAIChatModel()
        waiting = asyncio.create_task(ask_with(model, request_for(server_at(server.base_url))))
        await asyncio.to_thread(server.at_gate.wait, 10)
        server.answer("second of two")
        second = await ask_with(model, request_for(server_at(server.base_url)))
        gate.set()
        first = await waiting
        await model.close()
    assert (first.text(), second.text()) == ("first of two", "second of two")


def test_ten_megabytes_of_text_arrive_exactly() -> None:
    text = "0123456789abcdef" * (10 * 2**16)
    with SseServer() as server:
        server.answer(text, chunk_chars=2**16)
        outcome = ask(server_at(server.base_url))
    assert outcome.error is None
    assert outcome.text() == text


@pytest.mark.parametrize("line_end", [b"", b"\n\n"])
def test_an_event_without_end_is_stopped_and_what_came_before_is_kept(line_end: bytes) -> None:
    huge = b'data: {"choices": [{"delta": {"content": "' + b"x" * 2**20
    with SseServer() as server:
        server.raw([delta("kept"), huge, *[b"x" * 2**20] * 30, line_end], ending="stall")
        outcome = ask(server_at(server.base_url))
    assert (outcome.text(), outcome.fault) == ("kept", Fault.BAD_RESPONSE)
