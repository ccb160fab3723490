"""SDK clients, one for each server. Importing this module imports the SDK, which is expensive."""

import logging
import os
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import openai

from chatrepl.core.ports.chat_model import Server

_log = logging.getLogger(__name__)

MAXIMUM_CONNECT_S = 10.0

KEEP_ALIVE_S = 4.0
"""Just under the 5 s after which common servers close an idle connection."""

MAXIMUM_ERROR_BYTES = 256 * 1024

PLACEHOLDER_KEY = "no-key"
"""Key for servers that need none; the SDK requires one."""


class EnvironmentSettingsError(Exception):
    """A proxy or certificate setting of the environment is unusable; see ``__cause__``."""


class _TruncatedStream(httpx2.AsyncByteStream):
    """A body that ends after ``MAXIMUM_ERROR_BYTES``."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAXIMUM_ERROR_BYTES
        async for data in self._stream:
            yield data[:left]
            left -= len(data)
            if left <= 0:
                return

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _log_status(response: httpx2.Response) -> None:
    """Log a response's status, without headers and query: these may hold keys."""
    url, method = response.request.url, response.request.method
    _log.debug("%s %s%s: %d", method, url.host, url.path, response.status_code)


async def _read_as_utf_8(response: httpx2.Response) -> None:
    """Ignore the character set that a server names: some take quadratic time (punycode)."""
    response.encoding = "utf-8"


async def _cap_error_body(response: httpx2.Response) -> None:
    """Bound the size of an error body: the SDK would read an endless one."""
    if not response.is_success and isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _TruncatedStream(response.stream)


def _new_transport(*, is_local: bool, keeps_alive: bool) -> httpx2.AsyncClient:
    return openai.DefaultAsyncHttpxClient(
        # A redirect would send the whole conversation to a host that the user did not choose.
        follow_redirects=False,
        # The program's own server is never behind a proxy.
        trust_env=not is_local,
        limits=httpx2.Limits(
            max_keepalive_connections=None if keeps_alive else 0, keepalive_expiry=KEEP_ALIVE_S
        ),
        event_hooks={"response": [_log_status, _read_as_utf_8, _cap_error_body]},
    )


class Clients:
    """Cache of clients, for one event loop; ``get`` may run in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._transports: dict[tuple[bool, bool], httpx2.AsyncClient] = {}
        self._clients: dict[object, openai.AsyncOpenAI] = {}

    def warm_up(self) -> None:
        """Load what the first request needs beyond the import: certificates, lazy modules."""
        with self._lock:
            transport = self._transport(is_local=False, keeps_alive=True)
        client = openai.AsyncOpenAI(
            api_key=PLACEHOLDER_KEY, base_url="http://localhost/v1", http_client=transport
        )
        _ = client.chat.completions.with_streaming_response

    def get(self, server: Server) -> openai.AsyncOpenAI:
        """Return the server's client. Raises ``EnvironmentSettingsError``."""
        identity = (
            server.base_url,
            server.api_key,
            server.organization,
            server.project,
            tuple(sorted(server.query.items())),
            server.azure_api_version,
            server.is_local,
        )
        with self._lock:
            if identity not in self._clients:
                self._clients[identity] = self._build(server)
            return self._clients[identity]

    async def close(self) -> None:
        """Close every connection."""
        # Without the lock: a thread that is creating one must not delay the program's exit.
        for transport in [*self._transports.values()]:
            await transport.aclose()

    def _transport(self, *, is_local: bool, keeps_alive: bool) -> httpx2.AsyncClient:
        kind = is_local, keeps_alive
        if kind not in self._transports:
            try:
                self._transports[kind] = _new_transport(is_local=is_local, keeps_alive=keeps_alive)
            except Exception as error:
                # Each setting fails in its own way: in an import, a parser, reading a file.
                raise EnvironmentSettingsError from error
        return self._transports[kind]

    def _build(self, server: Server) -> openai.AsyncOpenAI:
        key = server.api_key.value if server.api_key else PLACEHOLDER_KEY
        # llama.cpp closes after each stream without notice, maybe just as the next request comes.
        # Without TLS, a new connection costs next to nothing.
        keeps_alive = server.base_url.lower().startswith("https:")
        transport = self._transport(is_local=server.is_local, keeps_alive=keeps_alive)
        # No read timeout: the reader's watchdog tells an answer from a keep-alive.
        timeout = httpx2.Timeout(server.timeout_s, connect=connect_timeout_s(server), read=None)
        options: dict[str, Any] = {
            "api_key": key,
            "max_retries": 0,
            "timeout": timeout,
            "default_query": dict(server.query),
            "http_client": transport,
        }
        client: openai.AsyncOpenAI
        if version := server.azure_api_version:
            client = openai.AsyncAzureOpenAI(
                azure_endpoint=server.base_url, api_version=version, **options
            )
        else:
            client = openai.AsyncOpenAI(base_url=server.base_url, **options)
        # The constructor fills in missing values from the environment.
        client.organization = server.organization
        client.project = server.project
        client.admin_api_key = None
        return client


def connect_timeout_s(server: Server) -> float:
    """Return the time allowed for name look-up with connection, and again for TLS.

    Well below the server's own timeout: a TLS handshake that is cancelled leaves its socket open
    until it is collected, one that times out does not.
    """
    return min(MAXIMUM_CONNECT_S, server.timeout_s / 3)


def headers_for(server: Server) -> Mapping[str, str | openai.Omit]:
    """Return the headers of a request; headers from the environment are sent to OpenAI only."""
    headers: dict[str, str | openai.Omit] = {}
    if not server.is_openai:
        for line in os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n"):
            name, colon, _ = line.partition(":")
            if colon and name.strip():
                headers[name.strip().lower()] = openai.Omit()
        if not server.azure_api_version:
            key = server.api_key.value if server.api_key else PLACEHOLDER_KEY
            headers["authorization"] = f"Bearer {key}"
    headers["accept-encoding"] = "identity"
    return headers | {name.lower(): value for name, value in server.headers.items()}
