"""Parser of a successful response's body: an event stream, one JSON value, or a web page."""

from chatrepl.core.errors import Fault, ModelError
from chatrepl.services.openai_api.errors.responses import (
    RequestFacts,
    error_from_payload,
    excerpt,
    html_title,
)
from chatrepl.services.openai_api.json_fields import parse_json
from chatrepl.services.openai_api.stream.chunks import ChunkParser
from chatrepl.services.openai_api.stream.sse import MAXIMUM_EVENT_BYTES, SseParser

_PAGE_BYTES = 65536
_HEAD_BYTES = 2048
_BOM = b"\xef\xbb\xbf"


class BodyParser:
    """Feeds a ``ChunkParser`` from a body, whose kind is found by its first character.

    The content type is no help: real servers label streams as JSON, and JSON as a stream.
    """

    def __init__(self, chunks: ChunkParser, facts: RequestFacts) -> None:
        self.content_type = ""
        self._chunks = chunks
        self._facts = facts
        self._kind = ""
        self._head = b""
        self._sse = SseParser()
        self._pieces: list[bytes] = []
        self._pieces_bytes = 0

    def feed(self, data: bytes) -> None:
        """Parse a piece. Raises ``ModelError`` for an error that it holds."""
        if len(self._head) < _HEAD_BYTES:
            data = self._begin(data)
        if self._kind == "stream":
            try:
                self._sse.feed(data)
            finally:
                self._parse_events()
        elif self._kind:
            self._pieces.append(data)
            self._pieces_bytes += len(data)
            if self._kind == "page" and self._pieces_bytes > _PAGE_BYTES:
                raise self._page_error()
            if self._pieces_bytes > MAXIMUM_EVENT_BYTES:
                raise ModelError(
                    f"the answer has more than {MAXIMUM_EVENT_BYTES} bytes",
                    "ask for a shorter one, or stream it",
                    fault=Fault.BAD_RESPONSE,
                )

    def finish(self) -> None:
        """Parse the rest of a body that is complete. Raises ``ModelError`` if it is no answer."""
        match self._kind:
            case "stream":
                self.finish_event()
                self._check_stream()
            case "json":
                self._read_json(b"".join(self._pieces).decode("utf-8", "replace"))
            case "page":
                raise self._page_error()
            case _:
                raise self._empty()

    def finish_event(self) -> None:
        """Parse the last event of a stream that broke off, if the event itself is complete."""
        if self._kind == "stream":
            self._sse.finish()
            try:
                self._parse_events()
            except ModelError as error:
                # Half an event is not reported: the stream was cut. The server's own error is.
                if error.fault is not Fault.BAD_RESPONSE:
                    raise

    def _begin(self, data: bytes) -> bytes:
        """Keep the head for error messages, and detect the kind; return the bytes to parse."""
        head = self._head + data
        if self._kind:
            self._head = head[:_HEAD_BYTES]
            return data
        self._head = head.removeprefix(_BOM).lstrip()
        if not self._head or _BOM.startswith(self._head):
            return b""
        first = self._head[:1]
        self._kind = "json" if first in b"{[" else "page" if first == b"<" else "stream"
        data, self._head = self._head, self._head[:_HEAD_BYTES]
        return data

    def _parse_events(self) -> None:
        for event in self._sse.take():
            self._chunks.feed(event.data, event.name)

    def _check_stream(self) -> None:
        """Raise ``ModelError`` unless the stream held a complete answer."""
        chunks = self._chunks
        chunks.end_body()
        if not chunks.has_answer:
            text = "" if chunks.is_whole else chunks.unreadable or self._plain_text()
            raise self._no_answer(text)
        if not chunks.is_whole:
            cause = excerpt(chunks.unreadable, self._facts.key)
            raise ModelError(
                "the answer broke off before its end" + (f": {cause}" if cause else ""),
                "/retry asks again",
                fault=Fault.CUT,
            )

    def _plain_text(self) -> str:
        """Return the head of a body that is no event stream after all; empty if it is one."""
        if "event-stream" in self.content_type or self._head.startswith((b":", b"data", b"event")):
            return ""
        return self._head.decode("utf-8", "replace")

    def _no_answer(self, text: str) -> ModelError:
        shown = excerpt(text, self._facts.key)
        if not shown:
            return self._empty()
        return ModelError(
            f"{self._facts.host} sent something else than an answer: {shown}",
            "check base_url",
            fault=Fault.BAD_RESPONSE,
        )

    def _empty(self) -> ModelError:
        message = f"{self._facts.host} sent an empty reply"
        return ModelError(message, "/retry asks again", fault=Fault.BAD_RESPONSE)

    def _page_error(self) -> ModelError:
        title = html_title(b"".join(self._pieces).decode("utf-8", "replace"))
        shown = excerpt(title, self._facts.key)
        return ModelError(
            "a web page came instead of an answer" + (f": {shown}" if shown else ""),
            "check base_url; a proxy or a sign-in page may stand in between",
            fault=Fault.BAD_RESPONSE,
        )

    def _read_json(self, text: str) -> None:
        try:
            payload = parse_json(text)
        except ValueError:
            # An error may stand before a stream's events.
            self._kind = "stream"
            self._sse.feed(text.encode())
            self.finish()
            return
        if isinstance(payload, list) and payload:
            payload = payload[0]
        if not isinstance(payload, dict):
            raise self._no_answer(text)
        self._chunks.feed_payload(payload)
        self._chunks.end_body()
        if not self._chunks.has_answer:
            if "choices" in payload:
                raise self._empty()
            raise error_from_payload(payload, "", self._facts) or self._no_answer(text)
