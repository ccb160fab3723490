"""A chat-completions server on loopback, over real sockets, with scripted replies.

``python -m tests.support.servers.sse_server`` runs it by itself; the user's message then chooses
the answer: ``file:PATH`` as fast as possible, ``rate:100:file:PATH`` at 100 tokens a second, else
an echo.
"""

import argparse
import http.client
import json
import select
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self

from tests.support.servers.sse_replies import (
    CREATED,
    Answer,
    Completion,
    Ending,
    Raw,
    RecordedRequest,
    Reply,
    Silence,
    event,
    text_of,
)

__all__ = ["Answer", "Ending", "Raw", "RecordedRequest", "Silence", "SseServer", "event"]

Chooser = Callable[[RecordedRequest], Reply]


class _HungUpError(Exception):
    """Raised where the client, or the test, is gone."""


def echo(request: RecordedRequest) -> Reply:
    """Answer with the user's own words."""
    return Answer(f"You said: {text_of(request.messages[-1]['content'])}")


def answer_from_message(request: RecordedRequest) -> Reply:
    """Answer with the file, at the rate, that the user's message names; else with an echo."""
    words = text_of(request.messages[-1]["content"]).strip()
    delay_s = 0.0
    if words.startswith("rate:"):
        _, rate, words = words.split(":", 2)
        delay_s = 1 / float(rate)
    if words.startswith("file:"):
        try:
            return Answer(Path(words[5:]).read_text(encoding="utf-8"), delay_s=delay_s)
        except OSError as error:
            return Answer(f"The file cannot be read: {error.strerror}")
    return Answer(f"You said: {words}", delay_s=delay_s)


class _Connection:
    """One accepted socket: reads requests, writes replies, until either side ends it."""

    def __init__(self, server: "SseServer", connection: socket.socket) -> None:
        self.server = server
        self.socket = connection
        self.buffer = bytearray()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        with suppress(_HungUpError, OSError):
            while True:
                self._serve(self._read_request())

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise _HungUpError
        self.buffer += data

    def _read_request(self) -> RecordedRequest:
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            self._receive()
        arrived_s = time.monotonic()
        first, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        total = end + 4 + int(headers.get("content-length", 0))
        while len(self.buffer) < total:
            self._receive()
        body = bytes(self.buffer[end + 4 : total])
        del self.buffer[:total]
        method, target, *_ = first.split(" ")
        path, _, query = target.partition("?")
        port = self.socket.getpeername()[1]
        return RecordedRequest(method, path, query, headers, body, arrived_s, port)

    def _serve(self, request: RecordedRequest) -> None:
        reply, number = self.server.take(request)
        try:
            match reply:
                case Silence():
                    self._end(reply.ending)
                case Raw():
                    self._send_raw(reply)
                case Answer():
                    self._send_answer(reply, request, number)
        except (_HungUpError, OSError):
            request.hung_up.set()
            raise
        request.answered.set()

    def _end(self, ending: Ending) -> None:
        if ending == "clean":
            return
        if ending == "stall":
            self._wait(3600)
        if ending == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _HungUpError

    def _wait(self, seconds: float, gate: threading.Event | None = None) -> None:
        """Pause, until the gate opens if there is one; raise as soon as the client is gone."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0 and not (gate and gate.is_set()):
            if self.server.closing.is_set():
                raise _HungUpError
            step_s = min(left_s, 0.002 if gate else 0.02)
            if select.select([self.socket], [], [], step_s)[0]:
                self._receive()

    def _head(self, status: int, headers: Mapping[str, str]) -> bytes:
        phrase = http.client.responses.get(status, "Unknown")
        lines = [f"HTTP/1.1 {status} {phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def _send_raw(self, reply: Raw) -> None:
        whole = reply.ending == "clean" and all(isinstance(p, bytes) for p in reply.pieces)
        headers = {"Content-Type": reply.content_type, **reply.headers}
        if whole and not reply.bare:
            body = b"".join(p for p in reply.pieces if isinstance(p, bytes))
            self.socket.sendall(
                self._head(reply.status, headers | {"Content-Length": str(len(body))}) + body
            )
            return
        if not reply.bare:
            headers["Transfer-Encoding"] = "chunked"
            self.socket.sendall(self._head(reply.status, headers))
        for piece in reply.pieces:
            if isinstance(piece, bytes):
                self.socket.sendall(piece if reply.bare else self._framed(piece))
            else:
                self._wait(piece)
        self._end(reply.ending)
        if reply.bare:
            raise _HungUpError
        self.socket.sendall(b"0\r\n\r\n")

    @staticmethod
    def _framed(data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if data else b""

    def _send_answer(self, answer: Answer, request: RecordedRequest, number: int) -> None:
        completion = Completion(answer, request, number)
        if answer.first_delay_s:
            self._wait(answer.first_delay_s)
        if not request.body.get("stream"):
            body = completion.whole()
            headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
            self.socket.sendall(self._head(200, headers) + body[: answer.cut_after_bytes])
            self._end(answer.ending)
            return
        headers = {"Content-Type": "text/event-stream; charset=utf-8"}
        self.socket.sendall(self._head(200, headers | {"Transfer-Encoding": "chunked"}))
        if answer.cut_after_bytes is not None:
            stream = b"".join(data for data, _ in completion.events())
            self.socket.sendall(self._framed(stream[: answer.cut_after_bytes]))
        else:
            self._send_events(answer, completion)
        self._end(answer.ending)
        self.socket.sendall(b"0\r\n\r\n")

    def _send_events(self, answer: Answer, completion: Completion) -> None:
        out = bytearray()
        gate = answer.gate
        next_s = time.monotonic()
        for data, text_chars in completion.events():
            out += self._framed(data)
            held = gate is not None and text_chars >= answer.gate_after_chars
            if held or answer.delay_s or len(out) > 65536:
                self.socket.sendall(out)
                out.clear()
            if held:
                self.server.at_gate.set()
                self._wait(3600, gate)
                gate = None
            if answer.delay_s:
                next_s += answer.delay_s
                self._wait(next_s - time.monotonic())
        self.socket.sendall(out)


class SseServer:
    """Serve on a free loopback port inside a ``with`` block; scripted replies go out in order."""

    def __init__(self, *, default: Chooser = echo, port: int = 0) -> None:
        self.requests: list[RecordedRequest] = []
        self.models: list[str | dict[str, Any]] = ["test-model", "other-model"]
        self.default = default
        self.closing = threading.Event()
        self.at_gate = threading.Event()
        """Set each time a stream stands at its gate."""
        self.connections = 0
        """How many were accepted so far."""
        self._replies: dict[str, deque[Reply]] = defaultdict(deque)
        self._arrived = threading.Condition()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        accepting = threading.Thread(target=self._accept, name="sse-server", daemon=True)
        self._threads.append(accepting)
        accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every connection and join every thread."""
        self.closing.set()
        with suppress(OSError):
            # Wakes the accepting thread at once; elsewhere than on Linux it ends by its time-out.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(10)
        with self._arrived:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)
        self._listener.close()

    def answer(self, text: str | Sequence[str], **options: Any) -> None:
        """Enqueue a well-formed answer; options are the fields of ``Answer``."""
        self._replies["completions"].append(Answer(text, **options))

    def raw(
        self,
        pieces: bytes | Sequence[bytes | float],
        content_type: str = "text/event-stream",
        status: int = 200,
        *,
        to: Literal["completions", "models"] = "completions",
        **options: Any,
    ) -> None:
        """Enqueue bytes, with pauses in seconds between them; options are the fields of ``Raw``."""
        parts = [pieces] if isinstance(pieces, bytes) else pieces
        self._replies[to].append(Raw(parts, status, content_type, **options))

    def error(
        self,
        status: int,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        content_type: str = "application/json",
        to: Literal["completions", "models"] = "completions",
    ) -> None:
        """Enqueue an error; text and bytes go out as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else None
        if data is None:
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self._replies[to].append(Raw([data], status, content_type, headers or {}))

    def silence(
        self,
        ending: Ending = "stall",
        *,
        to: Literal["completions", "models"] = "completions",
    ) -> None:
        """Enqueue no answer at all: wait for ever, close ("cut") or reset."""
        self._replies[to].append(Silence(ending))

    def wait_for_requests(self, count: int, timeout_s: float = 10.0) -> None:
        """Return once that many requests have arrived; raise ``TimeoutError`` otherwise."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.requests) >= count, timeout_s):
                raise TimeoutError(f"{len(self.requests)} of {count} requests arrived")

    def take(self, request: RecordedRequest) -> tuple[Reply, int]:
        """Record a request; return the reply that is its turn, and the request's number from 1."""
        with self._arrived:
            self.requests.append(request)
            number = len(self.requests)
            replies = self._replies[request.path.rsplit("/", 1)[-1]]
            scripted = replies.popleft() if replies else None
            self._arrived.notify_all()
        return scripted or self._usual(request), number

    def _usual(self, request: RecordedRequest) -> Reply:
        match request.method, request.path:
            case "POST", "/v1/chat/completions":
                return self.default(request)
            case "GET", "/v1/models":
                rows = [
                    {"id": model, "object": "model", "created": CREATED, "owned_by": "loopback"}
                    if isinstance(model, str)
                    else model
                    for model in self.models
                ]
                body = json.dumps({"object": "list", "data": rows}).encode()
                return Raw([body], content_type="application/json")
            case _:
                return Raw([b'{"detail":"Not Found"}'], 404, "application/json")

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                continue
            connection.settimeout(None)
            with self._arrived:
                self._open.add(connection)
                self.connections += 1
            serving = threading.Thread(
                target=self._serve, args=(connection,), name="sse-connection", daemon=True
            )
            self._threads.append(serving)
            serving.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            _Connection(self, connection).run()
        finally:
            with self._arrived:
                self._open.discard(connection)
                connection.close()


def main() -> None:
    """Serve until interrupted, and print the base URL first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with (
        suppress(KeyboardInterrupt),
        SseServer(default=answer_from_message, port=options.port) as server,
    ):
        print(server.base_url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
