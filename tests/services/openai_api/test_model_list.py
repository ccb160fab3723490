import pytest

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.ports.chat_model import ModelInfo
from chatrepl.services.openai_api import OpenAIChatModel
from tests.support.servers.api_requests import server_at
from tests.support.servers.sse_server import SseServer


async def list_models(base_url: str, **fields: float) -> list[ModelInfo]:
    model = OpenAIChatModel()
    try:
        return list(await model.models(server_at(base_url, **fields)))
    finally:
        await model.close()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            '{"data": [{"id": "a", "owned_by": "me"}, {"id": "b"}]}',
            [("a", "me", None), ("b", "", None)],
        ),
        ('[{"id": "a", "context_length": 4096}]', [("a", "", 4096)]),
        ('{"data": [{"id": "a", "max_model_len": 2048}]}', [("a", "", 2048)]),
        ('{"data": [{"id": "a", "context_window": 100}]}', [("a", "", 100)]),
        ('{"data": [{"id": "a", "meta": {"n_ctx_train": 8192}}]}', [("a", "", 8192)]),
        ('{"models": [{"name": "a"}, "b"]}', [("a", "", None), ("b", "", None)]),
        (
            '{"data": [null, 5, {}, {"id": 5}, {"id": ""}, {"id": "a"}, {"id": "a"}]}',
            [("a", "", None)],
        ),
        ('{"data": []}', []),
        ('{"data": [{"id": "a", "context_length": "big", "owned_by": 5}]}', [("a", "", None)]),
    ],
)
async def test_a_list_of_models_is_read_in_each_form(
    body: str, expected: list[tuple[str, str, int | None]]
) -> None:
    with SseServer() as server:
        server.raw(body.encode(), "application/json", to="models")
        found = await list_models(server.base_url)
    assert [(one.id, one.owned_by, one.context_window) for one in found] == expected


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        (b"<html><title>Sign in</title>", 200, Fault.BAD_RESPONSE),
        (b"", 200, Fault.BAD_RESPONSE),
        (b"[" * 100_000, 200, Fault.BAD_RESPONSE),
        (b'{"data": 5}', 200, Fault.BAD_RESPONSE),
        (b'{"error": {"message": "no"}}', 200, Fault.SERVER),
        (b'{"error": {"message": "no"}}', 401, Fault.AUTHENTICATION),
        (b'{"detail": "Not Found"}', 404, Fault.NOT_FOUND),
    ],
)
async def test_no_list_of_models_is_told_with_its_cause(
    body: bytes, status: int, fault: Fault
) -> None:
    with SseServer() as server:
        server.raw(body, "application/json", status, to="models")
        with pytest.raises(ModelError) as caught:
            await list_models(server.base_url)
    assert caught.value.fault is fault


async def test_a_list_of_models_that_never_comes_is_given_up() -> None:
    with SseServer() as server:
        server.silence(to="models")
        with pytest.raises(ModelError) as caught:
            await list_models(server.base_url, timeout_s=0.4)
    assert caught.value.fault is Fault.TIMEOUT
