from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatrepl.core.errors import Fault, ModelError
from chatrepl.services.openai_api import OpenAIChatModel
from chatrepl.services.openai_api.errors.exceptions import error_from_exception
from chatrepl.services.openai_api.errors.responses import RequestFacts
from tests.support.servers.api_requests import CANARY, ask, ask_with, request_for, server_at
from tests.support.servers.sse_server import SseServer, event


def delta(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return event({"id": "r1", "model": "m", "choices": [choice]})


STREAM = b"".join(delta(f"[{i}]") for i in range(17)) + delta("", "stop") + b"data: [DONE]\n\n"


@pytest.mark.parametrize("ending", ["cut", "reset"])
async def test_a_stream_cut_at_any_byte_keeps_every_complete_delta(ending: Any) -> None:
    assert len(STREAM) > 2000
    finish_at = STREAM.rindex(b'"finish_reason": "stop"}]}') + len(b'"finish_reason": "stop"}]}')
    step = 1 if ending == "cut" else 7
    model = OpenAIChatModel()
    with SseServer() as server:
        for place in range(0, len(STREAM), step):
            server.raw([STREAM[:place]], ending=ending)
            outcome = await ask_with(model, request_for(server_at(server.base_url)))
            arrived = STREAM[:place]
            complete = sum(
                arrived.count(b"[%d]" % i + b'"}, "finish_reason": null}]}') for i in range(17)
            )
            if ending == "cut":
                assert outcome.text() == "".join(f"[{i}]" for i in range(complete))
            else:
                # A reset may overtake what was sent; nothing else may be missing.
                assert "".join(f"[{i}]" for i in range(complete)).startswith(outcome.text())
            if place >= finish_at and outcome.finish_reasons:
                assert outcome.error is None
            else:
                assert outcome.fault is (Fault.CUT if outcome.text() else Fault.UNREACHABLE)
    await model.close()


@pytest.mark.parametrize("place", range(0, len(STREAM), 97))
def test_a_stream_that_just_ends_without_its_end_is_cut(place: int) -> None:
    with SseServer() as server:
        server.raw(STREAM[:place])
        outcome = ask(server_at(server.base_url))
    expected = Fault.CUT if outcome.text() else Fault.BAD_RESPONSE
    assert outcome.fault is expected


def test_every_exception_of_the_sdk_and_of_http_becomes_one_line_with_a_fault() -> None:
    facts = RequestFacts(server_at("http://127.0.0.1:1/v1"))
    request = httpx2.Request("POST", "http://127.0.0.1:1/v1")
    response = httpx2.Response(400, request=request, json={"error": {"message": CANARY}})
    classes = {
        value
        for module in (openai, httpx2)
        for value in list(vars(module).values())
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert len(classes) > 40
    for kind in classes:
        if issubclass(kind, Warning):
            continue
        error = make(kind, request, response)
        for has_answer in (False, True):
            found = error_from_exception(error, facts, has_answer=has_answer)
            assert isinstance(found, ModelError)
            assert CANARY not in str(found)
            assert found.message[0] == found.message[0].lower()
            assert len(found.message) < 500


def make(kind: type[Exception], request: httpx2.Request, response: httpx2.Response) -> Exception:
    """Create an exception with one of the known sets of constructor arguments."""
    attempts: list[tuple[tuple[object, ...], dict[str, object]]] = [
        ((CANARY,), {"response": response, "body": {"message": CANARY}}),
        ((), {"response": response, "body": None}),
        ((CANARY,), {"request": request, "body": CANARY}),
        ((), {"request": request}),
        ((CANARY,), {"request": request, "response": response}),
        ((CANARY,), {"unsent_messages": []}),
        ((), {"completion": openai.types.chat.ChatCompletion.model_construct(usage=None)}),
        ((CANARY,), {}),
        ((), {}),
    ]
    for arguments, named in attempts:
        with suppress(TypeError, AttributeError):
            return kind(*arguments, **named)
    raise AssertionError(f"no way to make a {kind.__name__}")


SSE_PIECES = st.sampled_from(
    [
        b"data: ",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"{",
        b"}",
        b'{"choices": [{"delta": {"content": "x"}}]}',
        b'{"choices": [{"delta": {"content": "\\ud83d"}, "finish_reason": "stop"}]}',
        b'{"error": {"message": "m"}}',
        b"[DONE]",
        b"event: error",
        b"<html>",
        b"\xff",
        b": c",
        b"null",
    ]
)


@pytest.fixture
async def model() -> AsyncIterator[OpenAIChatModel]:
    made = OpenAIChatModel()
    yield made
    await made.close()


@pytest.fixture
def server() -> Iterator[SseServer]:
    with SseServer() as serving:
        yield serving


# One server and one client for all examples: hundreds of each would cost minutes.
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(
    body=st.lists(SSE_PIECES, max_size=12).map(b"".join) | st.binary(max_size=300),
    ending=st.sampled_from(["clean", "cut", "reset"]),
    status=st.sampled_from([200, 200, 200, 201, 400, 404, 429, 500]),
    content_type=st.sampled_from(["text/event-stream", "application/json", "text/html", "x"]),
    bare=st.booleans(),
)
async def test_any_bytes_of_a_server_end_in_events_or_a_model_error(
    server: SseServer,
    model: OpenAIChatModel,
    body: bytes,
    ending: str,
    status: int,
    content_type: str,
    bare: bool,
) -> None:
    server.raw([body], content_type, status, ending=ending, bare=bare)
    outcome = await ask_with(model, request_for(server_at(server.base_url)))
    assert outcome.error is not None or outcome.events
