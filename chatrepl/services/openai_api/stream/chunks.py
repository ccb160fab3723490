"""The chat-completions format: JSON payloads in, model events out. No I/O.

Nothing of what a server sends is taken on trust: each field's type is checked, and what has a
wrong type is passed over. Only an error object, and a chunk that is not JSON, end the answer.
"""

import json
import re
from collections.abc import Mapping

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import (
    ChoiceFinished,
    ModelEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseStarted,
    TextDelta,
    TokensScored,
    UsageReported,
)
from chatrepl.core.messages import Usage
from chatrepl.core.text.surrogates import whole_text
from chatrepl.services.openai_api.errors.responses import RequestFacts, error_from_payload, excerpt
from chatrepl.services.openai_api.stream.logprobs import read_scores
from chatrepl.services.openai_api.stream.tool_calls import ToolCalls
from chatrepl.services.openai_api.stream.usage import (
    count_of,
    field_of,
    first_count,
    read_usage,
    usage_as_sent,
)

__all__ = ["MAXIMUM_TEXT_CHARS", "ChunkParser", "parse_json"]

MAXIMUM_TEXT_CHARS = 64 * 2**20
MAXIMUM_CHOICES = 128

_DECODER = json.JSONDecoder()
_HIGH_HALF = re.compile("[\ud800-\udbff]$")

_Delta = type[TextDelta] | type[ReasoningDelta] | type[RefusalDelta]


def parse_json(text: str) -> object:
    """Parse JSON; every way in which it can be wrong, too deep or too long is a ``ValueError``."""
    text = text.strip()
    try:
        value, end = _DECODER.raw_decode(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    if end != len(text):
        raise ValueError("there is more than one JSON value")
    result: object = value
    return result


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class ChunkParser:
    """Parse the payloads of one response.

    ``take`` hands over what was parsed so far: consecutive deltas of one choice as one event. A
    half of a surrogate pair waits for its other half; one that stays alone becomes U+FFFD, for no
    text can hold it.
    """

    def __init__(self, request: RequestFacts, expected_choices: int = 1) -> None:
        self.is_done = False
        """The end mark came."""
        self.has_answer = False
        """Text, thinking, a refusal, a tool call or a finish reason came."""
        self.progress = 0
        """Grows with everything that came of the answer; keep-alives don't move it."""
        self.unreadable = ""
        """The first payload that was passed over because it is neither JSON nor an end mark."""
        self._request = request
        self._expected_choices = expected_choices
        self._events: list[ModelEvent] = []
        self._pieces: dict[tuple[int, _Delta], list[str]] = {}
        self._held: dict[tuple[int, _Delta], str] = {}
        self._calls = ToolCalls()
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        self._is_started = False
        self._usage: Usage | None = None
        self._reported_usage: Usage | None = None
        self._sent_usage: dict[str, object] = {}
        self._text_chars = 0

    @property
    def is_finished(self) -> bool:
        """Every choice that was asked for has its finish reason."""
        return len(self._finished) >= self._expected_choices

    @property
    def is_whole(self) -> bool:
        """Every choice that began has its finish reason, or the end mark came."""
        return self.is_done or (bool(self._finished) and self._finished >= self._seen)

    def feed(self, data: str, name: str = "") -> None:
        """Take in the data of one server-sent event.

        Raises ``ModelError`` for an error that the server sent, and for a broken chunk.
        """
        text = data.strip()
        if text == "[DONE]":
            self.is_done = True
            return
        try:
            payload = parse_json(text) if text else None
        except ValueError:
            if text.startswith("{"):
                raise ModelError(
                    f"the server sent a broken piece: {excerpt(text, self._request.key)}",
                    "what came before is kept; /retry asks again",
                    fault=Fault.BAD_RESPONSE,
                ) from None
            payload = None
            self.unreadable = self.unreadable or text
        if name == "error" and payload is None:
            payload = {"error": text}
        if isinstance(payload, dict):
            self.feed_payload(payload, name)

    def feed_payload(self, payload: Mapping[str, object], name: str = "") -> None:
        """Take in one parsed chunk, or a whole completion."""
        choices = payload.get("choices")
        if not self._is_started:
            self._start(payload, bool(choices))
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    self._choice(choice)
        if self._finished or "usage" in payload:
            self._read_usage(payload)
        if name or "error" in payload or choices is None:
            self._raise_error(payload, name)
        if self._text_chars > MAXIMUM_TEXT_CHARS:
            raise ModelError(
                f"the answer has more than {MAXIMUM_TEXT_CHARS} characters",
                "what came is kept",
                fault=Fault.BAD_RESPONSE,
            )

    def _raise_error(self, payload: Mapping[str, object], name: str) -> None:
        if error := error_from_payload(payload, name, self._request):
            raise error

    def take(self) -> list[ModelEvent]:
        """Hand over the events so far, in order, each once."""
        if self._pieces:
            self._end_run()
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """Take note that no more comes: what was held back is released."""
        self._end_run()
        for index, _ in list(self._held):
            self._release(index)
        self._events += self._calls.take()
        self._report_usage()

    def _start(self, payload: Mapping[str, object], has_choices: bool) -> None:
        response_id, model = _text(payload.get("id")), _text(payload.get("model"))
        # Azure's first chunk has empty names: they follow in the next.
        if response_id or model or has_choices:
            self._is_started = True
            self._events.append(
                ResponseStarted(
                    response_id or None,
                    model or None,
                    count_of(payload.get("created")),
                    _text(payload.get("system_fingerprint")) or None,
                    _text(payload.get("service_tier")) or None,
                )
            )

    def _choice(self, choice: Mapping[str, object]) -> None:
        number = choice.get("index")
        index = number if type(number) is int and 0 <= number < MAXIMUM_CHOICES else 0
        self._seen.add(index)
        delta = choice.get("delta" if "delta" in choice else "message")
        if isinstance(delta, dict):
            self._delta(delta, index)
        if (logprobs := choice.get("logprobs")) and (scores := read_scores(logprobs)):
            self._end_run()
            self._events.append(TokensScored(scores, index))
        reason = choice.get("finish_reason")
        if reason and isinstance(reason, str) and index not in self._finished:
            self._finished.add(index)
            self._progress()
            self._end_run()
            self._release(index)
            self._events += self._calls.take(index)
            self._events.append(ChoiceFinished(reason, index))

    def _delta(self, delta: Mapping[str, object], index: int) -> None:
        # Some servers send the same thinking under both names.
        for field in ("reasoning_content", "reasoning"):
            if (thinking := delta.get(field)) and isinstance(thinking, str):
                self._add(ReasoningDelta, thinking, index)
                break
        content = delta.get("content")
        if isinstance(content, str):
            self._add(TextDelta, content, index)
        elif isinstance(content, list):
            for part in content:
                self._part(part, index)
        if refusal := delta.get("refusal"):
            self._add(RefusalDelta, _text(refusal), index)
        if calls := delta.get("tool_calls"):
            for at, call in enumerate(calls if isinstance(calls, list) else ()):
                number, call_id = field_of(call, "index"), _text(field_of(call, "id"))
                self._call(
                    field_of(call, "function"),
                    index,
                    first_count(number, at) or 0,
                    whole_text(call_id),
                )
        if call := delta.get("function_call"):
            self._call(call, index)

    def _part(self, part: object, index: int) -> None:
        if isinstance(part, str):
            self._add(TextDelta, part, index)
        elif isinstance(part, dict):
            self._add(TextDelta, _text(part.get("text")), index)
            self._add(RefusalDelta, _text(part.get("refusal")), index)
            thinking = part.get("thinking")
            for piece in thinking if isinstance(thinking, list) else (thinking,):
                self._add(ReasoningDelta, _text(piece) or _text(field_of(piece, "text")), index)

    def _call(self, function: object, index: int, number: int = 0, call_id: str = "") -> None:
        name, arguments = _text(field_of(function, "name")), _text(field_of(function, "arguments"))
        if name or arguments:
            self._progress()
            self._text_chars += len(name) + len(arguments)
            self._calls.add(index, number, call_id, whole_text(name), whole_text(arguments))

    def _add(self, kind: _Delta, text: str, index: int) -> None:
        if not text:
            return
        self._progress()
        self._text_chars += len(text)
        pieces = self._pieces.get((index, kind))
        if pieces is None:
            if any(other == index for other, _ in self._pieces):
                self._end_run()
            pieces = self._pieces[index, kind] = []
        pieces.append(text)

    def _end_run(self) -> None:
        for key, pieces in self._pieces.items():
            index, kind = key
            text = self._held.pop(key, "") + "".join(pieces)
            if not text.isascii():
                if _HIGH_HALF.search(text):
                    self._held[key] = text[-1]
                    text = text[:-1]
                text = whole_text(text)
            if text:
                self._events.append(kind(text, index))
        self._pieces = {}

    def _release(self, index: int) -> None:
        for key in [key for key in self._held if key[0] == index]:
            del self._held[key]
            self._events.append(key[1]("\ufffd", index))

    def _progress(self) -> None:
        self.has_answer = True
        self.progress += 1

    def _read_usage(self, payload: Mapping[str, object]) -> None:
        usage = payload.get("usage")
        if isinstance(usage, dict):
            self._usage, self._sent_usage = read_usage(usage), usage
        # Servers that report at each chunk would otherwise make an event of each.
        if self._finished:
            self._report_usage()

    def _report_usage(self) -> None:
        if self._usage is not None and self._usage != self._reported_usage:
            self._end_run()
            self._reported_usage = self._usage
            if self._usage != Usage():
                self._events.append(UsageReported(self._usage, usage_as_sent(self._sent_usage)))
