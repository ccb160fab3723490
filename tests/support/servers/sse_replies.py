"""Recorded requests and scripted replies of the loopback server."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "CREATED",
    "Answer",
    "Completion",
    "Ending",
    "Raw",
    "RecordedRequest",
    "Reply",
    "Silence",
    "event",
    "text_of",
]

Ending = Literal["clean", "cut", "reset", "stall"]
"""How a response ends: whole, closed too early, reset, or silent with the connection open."""

CHARACTERS_PER_TOKEN = 4
CREATED = 1_700_000_000


def event(payload: object) -> bytes:
    """Write one server-sent event; text goes out as it is, anything else as JSON."""
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return f"data: {text}\n\n".encode("utf-8", "surrogatepass")


@dataclass(slots=True)
class RecordedRequest:
    """One request as it arrived; header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    raw_body: bytes
    arrived_s: float
    """On the monotonic clock."""
    client_port: int
    """Tells connections apart."""
    hung_up: threading.Event = field(default_factory=threading.Event)
    """Set when the client left before the whole answer was sent."""
    answered: threading.Event = field(default_factory=threading.Event)
    """Set when the whole answer was sent."""

    @property
    def body(self) -> Any:
        """Parse the JSON body; None if there was none."""
        return json.loads(self.raw_body) if self.raw_body else None

    @property
    def messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.body["messages"]
        return messages


@dataclass(slots=True)
class Answer:
    """A well-formed completion, streamed or whole as the request wants it."""

    text: str | Sequence[str] = ""
    """Several texts: one for each choice of ``n``, the last one for all further choices."""
    chunk_chars: int = CHARACTERS_PER_TOKEN
    delay_s: float = 0.0
    """Between two deltas."""
    first_delay_s: float = 0.0
    """Before the headers."""
    reasoning: str | None = None
    reasoning_field: str = "reasoning_content"
    usage: bool | Mapping[str, Any] = True
    """False: none is sent although it was asked for; a mapping is sent as it is."""
    finish_reason: str | None = "stop"
    model: str | None = None
    """The name in the response; the request's unless given."""
    done_mark: bool = True
    gate: threading.Event | None = None
    """Holds the stream after ``gate_after_chars`` of text until it is set."""
    gate_after_chars: int = 0
    cut_after_bytes: int | None = None
    """Of the body; ``ending`` follows."""
    ending: Ending = "clean"


@dataclass(slots=True)
class Raw:
    """Bytes exactly as given; numbers between them are pauses in seconds."""

    pieces: Sequence[bytes | float]
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Ending = "clean"
    bare: bool = False
    """The pieces are the whole of what goes over the wire, status line and headers included."""


@dataclass(slots=True)
class Silence:
    """No answer at all; ``ending`` "cut" or "reset" ends the connection without a byte."""

    ending: Ending = "stall"


Reply = Answer | Raw | Silence


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [] if isinstance(part, dict))


class Completion:
    """The bytes of one ``Answer`` to one request."""

    def __init__(self, answer: Answer, request: RecordedRequest, number: int) -> None:
        body = request.body
        self.answer = answer
        self.head = {
            "id": f"chatcmpl-{number}",
            "created": CREATED + number,
            "model": answer.model or body.get("model"),
            "system_fingerprint": "fp_loopback",
        }
        texts = [answer.text] if isinstance(answer.text, str) else list(answer.text)
        count = body.get("n") or 1
        self.texts = [texts[min(index, len(texts) - 1)] for index in range(count)]
        self.wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        self.prompt_tokens = 3 + sum(
            4 + _tokens(text_of(message.get("content"))) for message in body.get("messages", [])
        )

    def usage(self) -> Mapping[str, Any] | None:
        if isinstance(self.answer.usage, Mapping):
            return self.answer.usage
        if not self.answer.usage:
            return None
        reasoning = _tokens(self.answer.reasoning or "") * len(self.texts)
        completion = reasoning + sum(map(_tokens, self.texts))
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }

    def whole(self) -> bytes:
        """Write the response to a request that does not stream."""
        choices = []
        for index, text in enumerate(self.texts):
            message: dict[str, Any] = {"role": "assistant", "content": text}
            if self.answer.reasoning:
                message[self.answer.reasoning_field] = self.answer.reasoning
            choices.append(
                {"index": index, "message": message, "finish_reason": self.answer.finish_reason}
            )
        body = {**self.head, "object": "chat.completion", "choices": choices}
        usage = self.usage()
        return json.dumps(body | ({"usage": usage} if usage else {})).encode()

    def chunk(self, index: int, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**self.head, "object": "chat.completion.chunk", "choices": [choice]})

    def events(self) -> Iterator[tuple[bytes, int]]:
        """Write the stream: each event with the length of the text (of choice 0) up to it."""
        choices = range(len(self.texts))
        for index in choices:
            yield self.chunk(index, {"role": "assistant", "content": ""}), 0
        for index in choices:
            for piece in _pieces(self.answer.reasoning or "", self.answer.chunk_chars):
                yield self.chunk(index, {self.answer.reasoning_field: piece}), 0
        yield from self._text_events()
        for index in choices if self.answer.finish_reason is not None else ():
            yield self.chunk(index, {}, self.answer.finish_reason), len(self.texts[0])
        if self.wants_usage and (usage := self.usage()):
            head = {**self.head, "object": "chat.completion.chunk"}
            yield event({**head, "choices": [], "usage": usage}), len(self.texts[0])
        if self.answer.done_mark:
            yield b"data: [DONE]\n\n", len(self.texts[0])

    def _text_events(self) -> Iterator[tuple[bytes, int]]:
        rows = [_pieces(text, self.answer.chunk_chars) for text in self.texts]
        # Whole events cost three times as much, which a benchmark would see.
        frames = [
            self.chunk(index, {"content": "\0"}).decode().split('"\\u0000"')
            for index in range(len(rows))
        ]
        before, after = [frame[0] for frame in frames], [frame[1] for frame in frames]
        sent_chars = 0
        for turn in range(max(map(len, rows))):
            for index, row in enumerate(rows):
                if turn < len(row):
                    sent_chars += len(row[turn]) if index == 0 else 0
                    piece = json.dumps(row[turn], ensure_ascii=False)
                    text = before[index] + piece + after[index]
                    yield text.encode("utf-8", "surrogatepass"), sent_chars
