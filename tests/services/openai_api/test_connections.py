import asyncio
import gzip
import logging
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from chatrepl.core.errors import Fault
from chatrepl.core.ports.chat_model import Secret
from chatrepl.services.openai_api import OpenAIChatModel
from tests.support.servers.api_requests import (
    CANARY,
    ask,
    ask_with,
    request_for,
    server_at,
)
from tests.support.servers.sse_server import SseServer, event

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_a_refused_connection_asks_whether_the_server_runs() -> None:
    port = unused_port()
    outcome = ask(server_at(f"http://127.0.0.1:{port}/v1"))
    assert outcome.fault is Fault.UNREACHABLE
    assert "refused" in outcome.said
    assert f"running at 127.0.0.1:{port}?" in outcome.said


def test_a_host_that_no_one_knows_is_named() -> None:
    outcome = ask(server_at("http://no-such-host.invalid/v1"))
    assert outcome.fault is Fault.UNREACHABLE
    assert "no-such-host.invalid" in outcome.said
    assert "check" in outcome.said


@pytest.mark.parametrize("ending", ["cut", "reset"])
def test_a_connection_that_closes_without_a_word_is_told(ending: str) -> None:
    with SseServer() as server:
        server.silence("cut" if ending == "cut" else "reset")
        outcome = ask(server_at(server.base_url))
    assert outcome.fault is Fault.UNREACHABLE
    assert "closed the connection without an answer" in outcome.said


@pytest.mark.parametrize(
    "reply",
    [b"SSH-2.0-OpenSSH_9.0\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x0a", b"HTTP/9 x\r\n\r\n"],
)
def test_a_port_that_speaks_something_else_is_told(reply: bytes) -> None:
    with SseServer() as server:
        server.raw([reply], bare=True)
        outcome = ask(server_at(server.base_url))
    assert outcome.fault is Fault.UNREACHABLE
    assert "does not speak HTTP" in outcome.said
    assert "https://" in outcome.said


@contextmanager
def answering(reply: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run a server that answers each connection with the same bytes and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        if context is not None:
                            context.wrap_socket(connection, server_side=True).close()
                        else:
                            connection.recv(4096)
                            connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_https_to_a_plain_port_suggests_http(reply: bytes) -> None:
    with answering(reply) as port:
        outcome = ask(server_at(f"https://127.0.0.1:{port}/v1"))
    assert outcome.fault is Fault.UNREACHABLE
    assert f"http://127.0.0.1:{port}/v1" in outcome.said


def test_https_to_a_plain_port_that_waits_suggests_http() -> None:
    with SseServer() as server:
        outcome = ask(server_at(f"https://127.0.0.1:{server.port}/v1", timeout_s=1.0))
    assert outcome.fault is Fault.UNREACHABLE
    assert f"http://127.0.0.1:{server.port}/v1" in outcome.said


@pytest.mark.process
@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_a_certificate_that_nobody_signed_is_told_as_such(tmp_path: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with answering(b"", context) as port:
        outcome = ask(server_at(f"https://127.0.0.1:{port}/v1"))
    assert outcome.fault is Fault.UNREACHABLE
    assert "certificate" in outcome.said
    assert "SSL_CERT_FILE" in outcome.said


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_dead_proxy_is_named_by_its_variable(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"http://user:{CANARY}@127.0.0.1:{unused_port()}")
    with SseServer() as server:
        outcome = ask(server_at(server.base_url))
        assert not server.requests
    assert outcome.fault is Fault.UNREACHABLE
    assert variable in outcome.said
    assert "proxy" in outcome.said


def test_a_proxy_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        outcome = ask(server_at("https://api.example.invalid/v1"))
    assert "HTTPS_PROXY" in outcome.said
    assert "407" in outcome.said


def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with SseServer() as server:
        assert ask(server_at(server.base_url)).error is None
        server.silence("cut")
        assert "proxy" not in ask(server_at(server.base_url)).said


@pytest.mark.parametrize(
    "value", ["socks5://127.0.0.1:1", "http://127.0.0.1:notaport", "nonsense://"]
)
def test_a_proxy_that_cannot_be_used_is_told_and_the_built_in_model_still_answers(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with SseServer() as server:
        outcome = ask(server_at(server.base_url))
        local = ask(server_at(server.base_url, is_local=True))
    assert outcome.error is not None
    assert "ALL_PROXY" in outcome.said
    assert local.error is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_told_and_the_other_host_hears_nothing(status: int) -> None:
    with SseServer() as server, SseServer() as other:
        target = f"{other.base_url}/chat/completions"
        server.error(status, "", {"Location": target})
        outcome = ask(server_at(server.base_url))
        assert len(server.requests) == 1
        assert not other.requests
    assert outcome.fault is Fault.REDIRECT
    assert f"change base_url to {other.base_url}" in outcome.said


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529]
)
def test_an_error_is_asked_for_once_and_never_retried_in_silence(status: int) -> None:
    with SseServer() as server:
        server.error(status, {"error": {"message": f"echo of {CANARY}"}}, {"Retry-After": "90"})
        outcome = ask(server_at(server.base_url))
        assert len(server.requests) == 1
    assert outcome.error is not None
    assert outcome.error.details["status"] == status
    assert "echo of [key]" in outcome.said


def test_a_server_asks_to_wait() -> None:
    with SseServer() as server:
        server.error(429, {"error": {"message": "slow down"}}, {"Retry-After": "300"})
        outcome = ask(server_at(server.base_url))
    assert outcome.fault is Fault.RATE_LIMIT
    assert outcome.error is not None
    assert outcome.error.details["retry_after_s"] == 300


def test_an_error_body_without_end_is_not_read_to_the_end() -> None:
    with SseServer() as server:
        server.raw([b"oops " * 20_000] * 200, "text/plain", 500, ending="stall")
        outcome = ask(server_at(server.base_url))
    assert outcome.fault is Fault.SERVER
    assert "oops" in outcome.said


def test_a_body_that_is_packed_unasked_is_unpacked() -> None:
    choice = {"delta": {"content": "x"}, "finish_reason": "stop"}
    packed = gzip.compress(event({"choices": [choice]}))
    with SseServer() as server:
        server.raw(packed, headers={"Content-Encoding": "gzip"})
        outcome = ask(server_at(server.base_url))
        assert server.requests[0].headers["accept-encoding"] == "identity"
    assert (outcome.text(), outcome.error) == ("x", None)


def test_a_body_that_cannot_be_unpacked_is_told() -> None:
    with SseServer() as server:
        server.raw(b"this is no gzip", headers={"Content-Encoding": "gzip"})
        outcome = ask(server_at(server.base_url))
    assert "cannot be unpacked" in outcome.said


@pytest.mark.parametrize("fields", [{"messages": [{"role": "user", "content": "\ud800"}]}])
def test_a_request_that_cannot_be_written_is_told(fields: dict[str, object]) -> None:
    with SseServer() as server:
        outcome = ask(server_at(server.base_url), **fields)
        assert not server.requests
    assert outcome.fault is Fault.BAD_REQUEST


def test_a_key_that_no_header_can_hold_is_never_shown() -> None:
    with SseServer() as server:
        outcome = ask(server_at(server.base_url, api_key=Secret(CANARY + "\nX: y")))
        assert not server.requests
    assert outcome.error is not None


def test_no_log_holds_the_key_or_the_conversation(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with SseServer() as server:
        ask(server_at(server.base_url), messages=[{"role": "user", "content": "my secret words"}])
        server.error(401, {"error": {"message": CANARY}})
        ask(server_at(server.base_url))
        server.silence("reset")
        ask(server_at(server.base_url))
    assert caplog.records
    assert CANARY not in caplog.text
    assert "secret words" not in caplog.text


async def test_warming_up_twice_and_closing_unused_is_harmless() -> None:
    model = OpenAIChatModel()
    await model.close()
    await asyncio.gather(model.warm_up(), model.warm_up())
    await model.close()


def test_certificates_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")
    outcome = ask(server_at("https://127.0.0.1:1/v1"))
    assert outcome.fault is Fault.UNREACHABLE
    assert "SSL_CERT_FILE" in outcome.said


async def test_a_warm_up_that_fails_leaves_the_telling_to_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    model = OpenAIChatModel()
    await model.warm_up()
    outcome = await ask_with(model, request_for(server_at("http://127.0.0.1:1/v1")))
    assert "SOCKS" in outcome.said
