"""The body of a successful response, whatever it turns out to be: a stream, JSON, or a web page."""

from chatrepl.core.errors import Fault, ModelError
from chatrepl.services.openai_api.errors.responses import (
    RequestFacts,
    error_from_payload,
    excerpt,
    html_title,
)
from chatrepl.services.openai_api.stream.chunks import ChunkParser, parse_json
from chatrepl.services.openai_api.stream.sse import MAXIMUM_EVENT_BYTES, SseParser

__all__ = ["Body", "empty_reply"]

_PAGE_BYTES = 65536
_HEAD_BYTES = 2048
_BOM = b"\xef\xbb\xbf"


def empty_reply(host: str) -> ModelError:
    """Make the error for an answer without anything in it."""
    return ModelError(f"{host} sent an empty reply", "/retry asks again", fault=Fault.BAD_RESPONSE)


class Body:
    """Feeds a ``ChunkParser`` from a body, whose kind its first character tells.

    The content type doesn't: streams come as JSON, and JSON as a stream, from real servers.
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
        """Take in a piece. Raises ``ModelError`` for an error that it holds."""
        if len(self._head) < _HEAD_BYTES:
            data = self._begin(data)
        if self._kind == "stream":
            try:
                self._sse.feed(data)
            finally:
                self._pass_on()
        elif self._kind:
            self._pieces.append(data)
            self._pieces_bytes += len(data)
            if self._kind == "page" and self._pieces_bytes > _PAGE_BYTES:
                raise self._page()
            if self._pieces_bytes > MAXIMUM_EVENT_BYTES:
                raise ModelError(
                    f"the answer has more than {MAXIMUM_EVENT_BYTES} bytes",
                    "ask for a shorter one, or stream it",
                    fault=Fault.BAD_RESPONSE,
                )

    def finish(self) -> None:
        """Take note that the body came to its own end; raise ``ModelError`` if it is no answer."""
        match self._kind:
            case "stream":
                self.salvage()
                self._judge_stream()
            case "json":
                self._read_json(b"".join(self._pieces).decode("utf-8", "replace"))
            case "page":
                raise self._page()
            case _:
                raise empty_reply(self._facts.host)

    def salvage(self) -> None:
        """Take the last event of a stream that broke off, if the event itself is whole."""
        if self._kind == "stream":
            self._sse.finish()
            try:
                self._pass_on()
            except ModelError as error:
                # Half an event is what a cut leaves; an error of the server's own is told.
                if error.fault is not Fault.BAD_RESPONSE:
                    raise

    def _begin(self, data: bytes) -> bytes:
        """Keep the beginning for messages, and find out the kind; return what is to be parsed."""
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

    def _pass_on(self) -> None:
        for event in self._sse.take():
            self._chunks.feed(event.data, event.name)

    def _judge_stream(self) -> None:
        if self._chunks.is_whole:
            if not self._chunks.has_answer:
                raise empty_reply(self._facts.host)
            return
        if self._chunks.has_answer:
            said = self._chunks.unreadable
            raise ModelError(
                "the answer broke off before its end"
                + (f": {excerpt(said, self._facts.key)}" if said else ""),
                "/retry asks again",
                fault=Fault.CUT,
            )
        said = excerpt(self._chunks.unreadable or self._words(), self._facts.key)
        if not said:
            raise empty_reply(self._facts.host)
        raise self._no_answer(said)

    def _words(self) -> str:
        if "event-stream" in self.content_type or self._head.startswith((b":", b"data", b"event")):
            return ""
        return self._head.decode("utf-8", "replace")

    def _no_answer(self, said: str) -> ModelError:
        return ModelError(
            f"{self._facts.host} sent something else than an answer: {said}",
            "check base_url",
            fault=Fault.BAD_RESPONSE,
        )

    def _page(self) -> ModelError:
        title = html_title(b"".join(self._pieces).decode("utf-8", "replace"))
        said = excerpt(title, self._facts.key)
        return ModelError(
            "a web page came instead of an answer" + (f": {said}" if said else ""),
            "check base_url; a proxy or a sign-in page may stand in between",
            fault=Fault.BAD_RESPONSE,
        )

    def _read_json(self, text: str) -> None:
        try:
            payload = parse_json(text)
        except ValueError:
            raise self._no_answer(excerpt(text, self._facts.key)) from None
        if isinstance(payload, list) and payload:
            payload = payload[0]
        if not isinstance(payload, dict):
            raise self._no_answer(excerpt(text, self._facts.key))
        self._chunks.feed_payload(payload)
        if not self._chunks.has_answer:
            if "choices" in payload:
                raise empty_reply(self._facts.host)
            raise error_from_payload(payload, "", self._facts) or self._no_answer(
                excerpt(text, self._facts.key)
            )
