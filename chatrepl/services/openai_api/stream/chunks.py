"""Parser of the chat-completions format: JSON payloads in, model events out. No I/O.

Nothing that a server sends is trusted: each field's type is checked, and values of a wrong type are
skipped. Only an error object, and a chunk that is not JSON, end the answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from chatrepl.core.conversation.ends import End, end_of, is_no_reason
from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import (
    ChoiceFinished,
    ModelEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseStarted,
    TextDelta,
    TokensScored,
    ToolCalled,
    UsageReported,
)
from chatrepl.core.messages import Usage
from chatrepl.core.text.surrogates import valid_text
from chatrepl.services.openai_api.errors.responses import RequestFacts, error_from_payload, excerpt
from chatrepl.services.openai_api.json_fields import (
    count_of,
    field_of,
    first_count,
    list_of,
    parse_json,
    text_of,
)
from chatrepl.services.openai_api.stream.sse import UNFRAMED
from chatrepl.services.openai_api.stream.usage_and_logprobs import (
    read_scores,
    read_usage,
    usage_as_sent,
)

MAXIMUM_TEXT_CHARS = 64 * 2**20
MAXIMUM_CHOICES = 128

_HIGH_SURROGATE_AT_END = re.compile("[\ud800-\udbff]$")

_Delta = type[TextDelta] | type[ReasoningDelta] | type[RefusalDelta]


@dataclass(slots=True)
class _ToolCall:
    """A tool call under way: streamed in pieces."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def completed(self, choice: int) -> ToolCalled:
        """Return the whole call as the event of a choice."""
        return ToolCalled(self.name, "".join(self.arguments), choice, self.id)


def _delta_of(choice: Mapping[str, object]) -> object:
    return choice.get("delta" if "delta" in choice else "message")


class ChunkParser:
    """Parses the payloads of one response.

    ``take`` returns the events parsed so far, consecutive deltas of one choice merged into one. A
    high surrogate at the end of a delta waits for its low surrogate; one that stays alone becomes
    U+FFFD, as no text can hold it.

    Some servers send a finish reason with every chunk, or with the first. So a reason ends its
    choice at once only where pieces without one came before it. Any other waits for the end mark
    or the end of the body, and a reason that more of the answer follows is taken back.

    Where one answer was requested, all choices are it, whatever their indexes: servers number them
    from 1, or give reasoning and text an index each. Where several were requested, their numbers
    follow the order in which they began.
    """

    def __init__(self, request: RequestFacts, expected_choices: int = 1) -> None:
        self.is_done = False
        """The end mark ``[DONE]`` arrived."""
        self.has_answer = False
        """Text, reasoning, a refusal, a tool call or a finish reason arrived."""
        self.progress = 0
        """Grows with every piece of the answer, but not with keep-alives."""
        self.unreadable = ""
        """The first payload that was skipped: neither JSON nor an end mark."""
        self._request = request
        self._expected_choices = expected_choices
        self._events: list[ModelEvent] = []
        self._pieces: dict[tuple[int, _Delta], list[str]] = {}
        self._surrogates: dict[tuple[int, _Delta], str] = {}
        self._calls: dict[int, dict[int, _ToolCall]] = {}
        self._numbers: dict[int, int] = {}
        self._seen: set[int] = set()
        self._begun: set[int] = set()
        self._reasons: dict[int, str] = {}
        self._finished: set[int] = set()
        self._reported_reasons: dict[int, str] = {}
        self._are_reasons_early = False
        self.failure: ModelError | None = None
        """The error of a choice whose finish reason says that it failed."""
        self._is_started = False
        self._usage: Usage | None = None
        self._reported_usage: Usage | None = None
        self._sent_usage: dict[str, object] = {}
        self._text_chars = 0

    @property
    def is_finished(self) -> bool:
        """True if every requested choice has its finish reason, and none of them came early.

        More may come otherwise, and what follows is only known at the end of the body.
        """
        return not self._are_reasons_early and len(self._finished) >= self._expected_choices

    @property
    def is_whole(self) -> bool:
        """True if every choice that began has its finish reason, or the end mark arrived."""
        return self.is_done or (bool(self._finished) and self._finished >= self._seen)

    def feed(self, data: str, name: str = "") -> None:
        """Parse the data of one server-sent event.

        Raises ``ModelError`` for an error that the server sent, and for a chunk that is not JSON.
        """
        text = data.strip()
        if text == "[DONE]":
            self.is_done = True
            return
        try:
            payload = parse_json(text) if text else None
        except ValueError:
            if text.startswith("{") and name != UNFRAMED:
                raise ModelError(
                    f"the server sent a broken piece: {excerpt(text, self._request.key)}",
                    "what came before is kept; /retry asks again",
                    fault=Fault.BAD_RESPONSE,
                ) from None
            payload = None
            self.unreadable = self.unreadable or text
        if name == "error" and payload is None:
            payload = {"error": text}
        # Gemini sends its errors in a list.
        for value in payload if isinstance(payload, list) else [payload]:
            if isinstance(value, dict):
                self.feed_payload(value, "" if name == UNFRAMED else name)

    def feed_payload(self, payload: Mapping[str, object], name: str = "") -> None:
        """Read one parsed chunk, or a whole completion. Raises ``ModelError`` for an error."""
        choices = payload.get("choices")
        if not self._is_started:
            self._start(payload, bool(choices))
        if isinstance(choices, list):
            for choice in self._requested(choices):
                self._choice(choice)
        if self._finished or "usage" in payload:
            self._read_usage(payload)
        if name or "error" in payload or choices is None:
            error = error_from_payload(payload, name, self._request)
            if error is not None:
                raise error
        # Groq's own place for an error.
        if groq_error := field_of(payload.get("x_groq"), "error"):
            raise self._error_of(groq_error, "error")
        if self._text_chars > MAXIMUM_TEXT_CHARS:
            raise ModelError(
                f"the answer has more than {MAXIMUM_TEXT_CHARS} characters",
                "what came is kept",
                fault=Fault.BAD_RESPONSE,
            )

    def take(self) -> list[ModelEvent]:
        """Return the events since the last call, in order."""
        if self._pieces:
            self._flush_deltas()
        events, self._events = self._events, []
        return events

    def end_body(self) -> None:
        """Take every finish reason as it stands: the body is over, and was not cut."""
        self._finished |= self._reasons.keys()

    def finish(self) -> None:
        """Add the events that were waiting for more input, which now does not come."""
        if self.is_done:
            self.end_body()
        self._flush_deltas()
        for index in sorted(self._finished):
            self._end_choice(index)
        for index, _ in list(self._surrogates):
            self._replace_surrogates(index)
        for index in list(self._calls):
            self._complete_calls(index)
        self._report_usage()

    def _start(self, payload: Mapping[str, object], has_choices: bool) -> None:
        response_id, model = text_of(payload.get("id")), text_of(payload.get("model"))
        # Azure's first chunk has neither id nor model: they follow in the next.
        if response_id or model or has_choices:
            self._is_started = True
            self._events.append(
                ResponseStarted(
                    response_id or None,
                    model or None,
                    count_of(payload.get("created")),
                    text_of(payload.get("system_fingerprint")) or None,
                    text_of(payload.get("service_tier")) or None,
                )
            )

    def _requested(self, choices: list[object]) -> list[dict[str, object]]:
        """Return the choices of a payload that belong to the requested answers.

        Of several with text at the same time, where one answer was requested, it is the first.
        """
        rows = [choice for choice in choices if isinstance(choice, dict)]
        if self._expected_choices > 1 or len(rows) < 2:
            return rows
        with_text = [row for row in rows if field_of(_delta_of(row), "content")]
        return [row for row in rows if row not in with_text or row is with_text[0]]

    def _number_of(self, choice: Mapping[str, object]) -> int:
        """Return which requested answer a choice is."""
        number = choice.get("index")
        index = number if type(number) is int and 0 <= number < MAXIMUM_CHOICES else 0
        if self._expected_choices == 1:
            return 0
        return self._numbers.setdefault(index, len(self._numbers))

    def _choice(self, choice: Mapping[str, object]) -> None:
        index = self._number_of(choice)
        self._seen.add(index)
        progress = self.progress
        delta = _delta_of(choice)
        if isinstance(delta, dict):
            self._delta(delta, index)
        if (logprobs := choice.get("logprobs")) and (scores := read_scores(logprobs)):
            self._flush_deltas()
            self._events.append(TokensScored(scores, index))
        has_begun, has_more = index in self._begun, self.progress != progress
        if has_more:
            self._begun.add(index)
            if index in self._reasons:
                self._are_reasons_early = True
                self._finished.discard(index)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and not is_no_reason(reason):
            self._reason(reason, index, choice, has_begun=has_begun)

    def _reason(
        self, reason: str, index: int, choice: Mapping[str, object], *, has_begun: bool
    ) -> None:
        """Take a choice's finish reason; ``has_begun``: pieces of it came before this chunk."""
        if self._reasons.get(index) != reason:
            self._count_progress()
        self._reasons[index] = reason
        is_failure = end_of(reason) is End.FAILED
        if is_failure and self.failure is None:
            self.failure = self._error_of(choice.get("error"), reason)
        if index in self._begun or is_failure:
            self._finished.add(index)
        if not (has_begun or is_failure):
            self._are_reasons_early = True
        elif not self._are_reasons_early:
            self._end_choice(index)

    def _end_choice(self, index: int) -> None:
        """Add the end of a choice, once for each reason; what waits for more of it comes first."""
        reason = self._reasons[index]
        if self._reported_reasons.get(index) != reason:
            self._reported_reasons[index] = reason
            self._flush_deltas()
            self._replace_surrogates(index)
            self._complete_calls(index)
            self._events.append(ChoiceFinished(reason, index))

    def _error_of(self, error: object, reason: str) -> ModelError:
        """Return the error that stands beside a choice, else one that shows the reason."""
        sent = error_from_payload({"error": error}, "", self._request)
        shown = excerpt(reason, self._request.key)
        return sent or ModelError(
            f"the server ended the answer with “{shown}”", "/retry asks again", fault=Fault.SERVER
        )

    def _delta(self, delta: Mapping[str, object], index: int) -> None:
        # DeepSeek and llama.cpp use the first name, OpenRouter and Ollama the second; some servers
        # send the same text under both.
        for name in ("reasoning_content", "reasoning"):
            if reasoning := text_of(delta.get(name)):
                self._add(ReasoningDelta, reasoning, index)
                break
        content = delta.get("content")
        if isinstance(content, str):
            self._add(TextDelta, content, index)
        elif isinstance(content, list):
            for part in content:
                self._part(part, index)
        if refusal := delta.get("refusal"):
            self._add(RefusalDelta, text_of(refusal), index)
        for position, call in enumerate(list_of(delta.get("tool_calls"))):
            number = first_count(field_of(call, "index"), position) or 0
            call_id = valid_text(text_of(field_of(call, "id")))
            self._call(field_of(call, "function"), index, number, call_id)
        if call := delta.get("function_call"):
            self._call(call, index)

    def _part(self, part: object, index: int) -> None:
        if isinstance(part, str):
            self._add(TextDelta, part, index)
        elif isinstance(part, dict):
            self._add(TextDelta, text_of(part.get("text")), index)
            self._add(RefusalDelta, text_of(part.get("refusal")), index)
            # Mistral: a text, or parts that hold texts.
            thinking = part.get("thinking")
            for piece in thinking if isinstance(thinking, list) else (thinking,):
                text = text_of(piece) or text_of(field_of(piece, "text"))
                self._add(ReasoningDelta, text, index)

    def _call(self, function: object, index: int, number: int = 0, call_id: str = "") -> None:
        """Add a piece of a choice's tool call of that number."""
        name = text_of(field_of(function, "name"))
        arguments = text_of(field_of(function, "arguments"))
        if name or arguments:
            self._count_progress()
            self._text_chars += len(name) + len(arguments)
            call = self._calls.setdefault(index, {}).setdefault(number, _ToolCall())
            call.id = call.id or call_id
            call.name += valid_text(name)
            call.arguments.append(valid_text(arguments))

    def _complete_calls(self, index: int) -> None:
        calls = self._calls.pop(index, {}).values()
        self._events += [call.completed(index) for call in calls]

    def _add(self, kind: _Delta, text: str, index: int) -> None:
        if not text:
            return
        self._count_progress()
        self._text_chars += len(text)
        pieces = self._pieces.get((index, kind))
        if pieces is None:
            if any(other == index for other, _ in self._pieces):
                self._flush_deltas()
            pieces = self._pieces[index, kind] = []
        pieces.append(text)

    def _flush_deltas(self) -> None:
        """Merge the pieces so far into one event for each choice and kind."""
        for key, pieces in self._pieces.items():
            index, kind = key
            text = self._surrogates.pop(key, "") + "".join(pieces)
            if not text.isascii():
                if _HIGH_SURROGATE_AT_END.search(text):
                    self._surrogates[key] = text[-1]
                    text = text[:-1]
                text = valid_text(text)
            if text:
                self._events.append(kind(text, index))
        self._pieces = {}

    def _replace_surrogates(self, index: int) -> None:
        """Give up waiting for a choice's low surrogates."""
        for key in [key for key in self._surrogates if key[0] == index]:
            del self._surrogates[key]
            self._events.append(key[1]("\ufffd", index))

    def _count_progress(self) -> None:
        self.has_answer = True
        self.progress += 1

    def _read_usage(self, payload: Mapping[str, object]) -> None:
        usage = payload.get("usage")
        if isinstance(usage, dict):
            self._usage, self._sent_usage = read_usage(usage), usage
        # Some servers report usage in each chunk: only the last is an event.
        if self.is_finished:
            self._report_usage()

    def _report_usage(self) -> None:
        if self._usage is not None and self._usage != self._reported_usage:
            self._flush_deltas()
            self._reported_usage = self._usage
            if self._usage != Usage():
                self._events.append(UsageReported(self._usage, usage_as_sent(self._sent_usage)))
