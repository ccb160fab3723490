"""Errors inside a stream that began as a success, framed as no event: exact bytes of servers."""

import json
from pathlib import Path

import pytest

from chatrepl.core.errors import Fault
from chatrepl.core.messages import State
from tests.support.events import answer_ends, answer_text, errors, notices
from tests.support.servers.api_requests import ask, server_at
from tests.support.servers.sse_server import SseServer
from tests.support.wired_session import Home

KEPT = b'data: {"choices":[{"index":0,"delta":{"content":"kept"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
OOPS = b'{"error":{"code":500,"message":"the slot was lost","type":"server_error"}}'
PRETTY = json.dumps(json.loads(OOPS), indent=2).encode()
TOO_LONG = (
    b'error: {"code":400,"message":"the request exceeds the available context size. try increasing'
    b' the context size or enable context shift","type":"exceed_context_size_error",'
    b'"n_prompt_tokens":9000,"n_ctx":4096}\n\n'
)
TAILS = {
    "error line": b'error: {"code":500,"message":"the slot was lost","type":"server_error"}\n\n',
    "error line, wrapped": b"error: " + OOPS + b"\n\n",
    "error line, text": b"error: the slot was lost\n\n",
    "no blank line": b"error: the slot was lost",
    "bare": OOPS,
    "bare, line end": OOPS + b"\n",
    "bare after a comment": b": keep-alive\n\n" + OOPS + b"\n\n",
    "bare, pretty": PRETTY,
    "bare, pretty, after a comment": b": keep-alive\n" + PRETTY + b"\n",
    "list": b"data: [" + OOPS + b"]\n\n",
    "bare list": b"[" + OOPS + b"]\n",
    "before the end mark": OOPS + b"\n\ndata: [DONE]\n\n",
    "with CR LF": OOPS + b"\r\n\r\n",
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
@pytest.mark.parametrize("head", [b"", b": ping\n\n", KEPT], ids=["first", "comment", "chunk"])
def test_the_servers_own_words_are_told_and_the_text_is_kept(head: bytes, tail: bytes) -> None:
    with SseServer() as server:
        server.raw(head + tail)
        outcome = ask(server_at(server.base_url))
    assert outcome.text() == ("kept" if head == KEPT else "")
    assert outcome.fault is Fault.SERVER
    assert "the slot was lost" in outcome.said


def test_an_error_right_after_a_line_of_data_is_read_too() -> None:
    with SseServer() as server:
        server.raw(KEPT[:-1] + OOPS + b"\n\n")
        outcome = ask(server_at(server.base_url))
    assert outcome.text() == "kept"
    assert "the slot was lost" in outcome.said


@pytest.mark.parametrize(
    "noise",
    [
        b"id: 5\n\n",
        b"retry: 3000\n\n",
        b": a comment\n\n",
        b"event: message\n\n",
        b"[DO\n\n",
        b"x-powered-by: a proxy\n\n",
        b"{not JSON}\n\n",
        b'{"unfinished": \n\n',
        b"<!-- cached -->\n\n",
        b" \n\n",
    ],
)
def test_lines_that_say_nothing_cost_nothing(noise: bytes) -> None:
    with SseServer() as server:
        server.raw(noise.lstrip(b"[{< ") + KEPT + noise + END)
        outcome = ask(server_at(server.base_url))
    assert (outcome.text(), outcome.error) == ("kept", None)


def test_a_page_in_the_middle_is_the_cause_that_is_told() -> None:
    page = b"<html>\n<head><title>502 Bad Gateway</title></head>\n</html>\n"
    with SseServer() as server:
        server.raw(KEPT + page)
        outcome = ask(server_at(server.base_url))
    assert outcome.text() == "kept"
    assert outcome.fault is Fault.CUT
    assert "502 Bad Gateway" in outcome.said


def test_a_length_told_by_an_error_line_is_fitted_to(tmp_path: Path) -> None:
    with SseServer() as server:
        server.raw(TOO_LONG)
        server.answer("it fits now")
        events = Home(tmp_path).talk(["--base-url", server.base_url, "-m", "m"], "hello")
    assert answer_text(events) == "it fits now"
    assert any("context window" in text for text in notices(events))


def test_the_program_keeps_the_text_and_shows_the_error(tmp_path: Path) -> None:
    with SseServer() as server:
        server.raw(KEPT + OOPS)
        events = Home(tmp_path).talk(["--base-url", server.base_url, "-m", "m"], "hello")
    message = answer_ends(events)[0].message
    assert (message.content, message.state) == ("kept", State.CUT)
    assert any("the slot was lost" in text for text in errors(events))
