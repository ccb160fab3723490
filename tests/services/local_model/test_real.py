"""Real weights and engine, downloaded once into a cache that outlives the run."""

import asyncio
import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chatrepl.core.errors import LocalModelError
from chatrepl.core.ports.chat_model import Server
from chatrepl.services.local_model import BuiltInModel
from tests.support.local_model.fake_engine import MODEL_BYTES, MODEL_FILE, Fakes, prepared

pytestmark = [pytest.mark.local_model, pytest.mark.process, pytest.mark.timeout(600)]


def ask(server: Server, question: str, key: str | None = None) -> tuple[int, str]:
    address = urlsplit(server.base_url)
    assert server.api_key is not None
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    body = {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": question},
        ],
        "temperature": 0,
        "max_tokens": 20,
    }
    headers = {
        "Authorization": f"Bearer {key or server.api_key.value}",
        "Content-Type": "application/json",
    }
    try:
        connection.request("POST", f"{address.path}/chat/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


async def test_the_model_is_fetched_started_and_answers(filled_cache: Path) -> None:
    model = BuiltInModel(filled_cache)
    await prepared(model)
    assert model.is_fetched()
    assert model.context_window == 8192
    weights = filled_cache / "models" / MODEL_FILE
    assert weights.stat().st_size == MODEL_BYTES
    assert weights.stat().st_mode & 0o077 == 0
    server = model.server()
    status, text = await asyncio.to_thread(ask, server, "What is the capital of France?")
    assert status == 200
    answer = json.loads(text)
    assert "Paris" in answer["choices"][0]["message"]["content"]
    assert answer["usage"]["prompt_tokens"] > 10
    assert answer["model"] == "smollm2-135m-instruct"
    assert (await asyncio.to_thread(ask, server, "Hello", "another key"))[0] == 401
    await model.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(ask, server, "Hello")


async def test_weights_that_are_sound_stay_when_the_engine_fails(
    filled_cache: Path, cache: Path, fakes: Fakes
) -> None:
    fakes.module("xllamacpp", "raise RuntimeError('no memory')")
    folder = cache / "models"
    folder.mkdir(parents=True)
    weights = folder / MODEL_FILE
    if not BuiltInModel(filled_cache).is_fetched():
        pytest.skip("the weights are not there yet")
    weights.hardlink_to(filled_cache / "models" / MODEL_FILE)
    with pytest.raises(LocalModelError, match="no memory"):
        await prepared(BuiltInModel(cache))
    assert weights.exists()


async def test_a_file_of_the_users_own_answers_within_the_context_it_was_given(
    filled_cache: Path, cache: Path
) -> None:
    weights = filled_cache / "models" / MODEL_FILE
    if not weights.exists():
        pytest.skip("the weights are not there yet")
    for asked, given in ((100_000, 8192), (1024, 1024)):
        model = BuiltInModel(cache, gguf=weights, context_window=asked)
        await prepared(model)
        assert model.context_window == given
        assert (await asyncio.to_thread(ask, model.server(), "Hello"))[0] == 200
        await model.close()
