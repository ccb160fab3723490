"""The ``ChatModel`` port over the OpenAI SDK.

Importing this module is cheap, so that wiring does not delay the first prompt: the SDK and the
parsers, which compile many patterns, are imported by the warm-up or the first request.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from chatrepl.core.errors import ChatreplError, Fault, ModelError
from chatrepl.core.events import ModelEvent
from chatrepl.core.json_value import Json
from chatrepl.core.ports.chat_model import ChatRequest, ModelInfo, Server
from chatrepl.services.openai_api.json_fields import field_of, parse_json, positive_int
from chatrepl.services.openai_api.request_log import RequestLog

if TYPE_CHECKING:
    import httpx2
    import openai

    from chatrepl.services.openai_api.clients import Clients
    from chatrepl.services.openai_api.errors.responses import RequestFacts


MAXIMUM_LISTING_S = 20.0
_COUNT_PATH = "/chat/completions/input_tokens"
"""An endpoint that llama.cpp and its like add to the API."""
_COUNT_TIMEOUT_S = 1.0
_LOCAL_COUNT_TIMEOUT_S = 5.0
"""The built-in model's server always counts, but slowly on a busy machine."""

_log = logging.getLogger(__name__)


class OpenAIChatModel:
    """Lazy client of any number of chat-completions servers, for one event loop."""

    def __init__(self) -> None:
        self._clients: Clients | None = None
        self._loading = asyncio.Lock()
        self._requests = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ModelEvent, None]:
        """Send the request, and yield events as they arrive; deltas of one network read are one.

        Close the generator (``contextlib.aclosing``) to stop the server at once. A half of a
        surrogate pair without its other half becomes U+FFFD. Raises ``ModelError`` only.
        """
        from chatrepl.services.openai_api.errors.responses import RequestFacts
        from chatrepl.services.openai_api.stream.chunks import MAXIMUM_CHOICES
        from chatrepl.services.openai_api.stream.reader import read_answer

        body = dict(request.body)
        facts = RequestFacts(request.server, frozenset(body))
        self._requests += 1
        log = RequestLog(self._requests, request)
        count = body.get("n")
        choices = count if type(count) is int and 0 < count <= MAXIMUM_CHOICES else 1
        open_response = partial(self._open_response, request.server, body)
        with log.outcome():
            async with aclosing(read_answer(open_response, facts, choices)) as events:
                async for event in events:
                    log.record(event)
                    yield event

    async def models(self, server: Server) -> Sequence[ModelInfo]:
        """List the server's models, in its order. Raises ``ModelError``."""
        from chatrepl.services.openai_api.errors.responses import RequestFacts
        from chatrepl.services.openai_api.model_list import parse_models

        facts = RequestFacts(server)
        try:
            async with asyncio.timeout(min(server.timeout_s, MAXIMUM_LISTING_S)):
                return parse_models(await self._read_models(server, facts), facts)
        except TimeoutError:
            raise ModelError(
                f"no list of models from {facts.host} in time",
                "is the server running there?",
                fault=Fault.TIMEOUT,
            ) from None
        except ChatreplError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a server provokes ends in one line
            from chatrepl.services.openai_api.errors.exceptions import error_from_exception

            raise error_from_exception(error, facts, has_answer=False) from None

    async def count_tokens(self, request: ChatRequest) -> int | None:
        """Ask the server for the prompt's token count; None: no count, or not in time."""
        body = {
            key: value
            for key, value in request.body.items()
            if key not in ("stream", "stream_options")
        }
        try:
            client = await self._client(request.server)
            import httpx2

            from chatrepl.services.openai_api.clients import headers_for

            is_local = request.server.is_local
            async with asyncio.timeout(_LOCAL_COUNT_TIMEOUT_S if is_local else _COUNT_TIMEOUT_S):
                response = await client.post(
                    _COUNT_PATH,
                    cast_to=httpx2.Response,
                    body=body,
                    options={"headers": headers_for(request.server), "max_retries": 0},
                )
            return positive_int(field_of(parse_json(response.text), "input_tokens"))
        except Exception:  # noqa: BLE001 - the count is estimated; the request reports the cause
            return None

    async def warm_up(self) -> None:
        """Import the SDK and load certificates in a thread; a later request reports failures."""
        try:
            clients = await self._load()
            await asyncio.to_thread(clients.warm_up)
        except Exception:  # noqa: BLE001 - the request that needs it reports the cause
            _log.debug("the warm-up failed", exc_info=True)

    async def close(self) -> None:
        """Close all connections, if any were opened."""
        if self._clients is not None:
            await self._clients.close()

    async def _load(self) -> "Clients":
        async with self._loading:
            if self._clients is None:
                self._clients = await asyncio.to_thread(_new_clients)
            return self._clients

    async def _client(self, server: Server) -> "openai.AsyncOpenAI":
        clients = await self._load()
        return await asyncio.to_thread(clients.get, server)

    @asynccontextmanager
    async def _open_response(
        self, server: Server, body: Mapping[str, Json]
    ) -> AsyncIterator["httpx2.Response"]:
        client = await self._client(server)
        from chatrepl.services.openai_api.clients import headers_for

        # ``extra_body`` is sent to the letter; the SDK would rewrite its named arguments.
        async with client.chat.completions.with_streaming_response.create(
            model=str(body.get("model", "")),
            messages=[],
            extra_body=body,
            extra_headers=headers_for(server),
        ) as response:
            yield response.http_response

    async def _read_models(self, server: Server, facts: "RequestFacts") -> str:
        client = await self._client(server)
        from chatrepl.services.openai_api.clients import headers_for
        from chatrepl.services.openai_api.stream.reader import response_bytes
        from chatrepl.services.openai_api.stream.sse import MAXIMUM_EVENT_BYTES

        body = bytearray()
        async with (
            client.models.with_streaming_response.list(
                extra_headers=headers_for(server)
            ) as response,
            aclosing(response_bytes(response.http_response)) as pieces,
        ):
            async for data in pieces:
                body += data
                if len(body) > MAXIMUM_EVENT_BYTES:
                    raise ModelError(
                        f"the list of models from {facts.host} is without end",
                        "name the model with /model NAME",
                        fault=Fault.BAD_RESPONSE,
                    )
        return body.decode("utf-8-sig", "replace")


def _new_clients() -> "Clients":
    """Import the SDK, and the parsers that the first answer needs; runs in a thread."""
    import_module("chatrepl.services.openai_api.stream.reader")
    from chatrepl.services.openai_api.clients import Clients

    return Clients()
