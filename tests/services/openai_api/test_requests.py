import pytest

from chatrepl.core.ports.chat_model import Secret
from chatrepl.services.openai_api import OpenAIChatModel
from tests.support.servers.api_requests import CANARY, ask, ask_with, request_for, server_at
from tests.support.servers.sse_server import SseServer

AMBIENT = {
    "OPENAI_API_KEY": CANARY,
    "OPENAI_ADMIN_KEY": CANARY,
    "OPENAI_ORG_ID": "org-ambient",
    "OPENAI_PROJECT_ID": "proj-ambient",
    "OPENAI_CUSTOM_HEADERS": f"X-Ambient: {CANARY}\nAuthorization: Bearer {CANARY}\nX-Title: z",
}


@pytest.mark.parametrize("key", [None, "sk-of-this-server"])
def test_nothing_of_the_environment_reaches_a_server_that_is_not_openai(
    key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in AMBIENT.items():
        monkeypatch.setenv(name, value)
    with SseServer() as server:
        there = server_at(
            server.base_url,
            api_key=Secret(key) if key else None,
            headers={"x-title": "mine"},
        )
        assert ask(there).error is None
        headers = server.requests[0].headers
    assert CANARY not in str(headers)
    assert "ambient" not in str(headers)
    assert headers["x-title"] == "mine"
    assert headers["authorization"] == f"Bearer {key or 'no-key'}"


def test_headers_query_and_organisation_of_the_server_travel() -> None:
    with SseServer() as server:
        ask(
            server_at(
                server.base_url,
                headers={"X-Team": "blue"},
                query={"tenant": "7"},
                organization="org-mine",
                project="proj-mine",
            )
        )
        request = server.requests[0]
    assert request.query == "tenant=7"
    assert request.headers["x-team"] == "blue"
    assert request.headers["openai-organization"] == "org-mine"
    assert request.headers["openai-project"] == "proj-mine"


def test_an_azure_endpoint_is_asked_in_its_own_way() -> None:
    with SseServer() as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        ask(server_at(endpoint, azure_api_version="2024-10-21"), model="my-deployment")
        request = server.requests[0]
    assert request.path == "/openai/deployments/my-deployment/chat/completions"
    assert request.query == "api-version=2024-10-21"
    assert request.headers["api-key"] == CANARY


async def test_servers_that_differ_in_the_key_alone_have_each_their_own() -> None:
    with SseServer() as server:
        model = OpenAIChatModel()
        for key in ("sk-first-0123456", "sk-second-012345", "sk-first-0123456"):
            there = server_at(server.base_url, api_key=Secret(key), is_openai=True)
            await ask_with(model, request_for(there))
        await model.close()
        sent = [request.headers["authorization"] for request in server.requests]
    assert [key[-6:] for key in sent] == ["123456", "012345", "123456"]


def test_a_key_with_its_server_is_what_travels() -> None:
    with SseServer() as server:
        ask(server_at(server.base_url, api_key=Secret("sk-this-one-0123")))
        ask(server_at(server.base_url, api_key=None))
        sent = [request.headers["authorization"] for request in server.requests]
    assert sent[0] == "Bearer sk-this-one-0123"
    assert sent[1].startswith("Bearer ")
    assert "sk-" not in sent[1]


async def test_a_server_that_closes_after_each_answer_is_never_asked_too_late() -> None:
    model = OpenAIChatModel()
    with SseServer() as server:
        for _ in range(3):
            outcome = await ask_with(model, request_for(server_at(server.base_url)))
            assert outcome.error is None
        await model.close()
        assert len({request.client_port for request in server.requests}) == 3
