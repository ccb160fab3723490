"""An answer while it comes: its pieces, and the response that they come in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chatrepl.core.conversation.metadata import (
    FINGERPRINT_FIELD,
    REFUSAL_FIELD,
    RESPONSE_FIELD,
    TOOL_CALLS_FIELD,
    USAGE_FIELD,
    response_fields,
)
from chatrepl.core.events import (
    ChoiceFinished,
    ModelEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseStarted,
    TextDelta,
    TokenScore,
    TokensScored,
    ToolCalled,
)
from chatrepl.core.messages import Json, Message, State, Usage
from chatrepl.core.servers.target import Target
from chatrepl.core.sessions.journal import Journal

__all__ = ["IncomingAnswer", "ResponseSoFar"]

_NOT_PARAMETERS = ("model", "messages", "stream", "stream_options")


@dataclass(slots=True)
class ResponseSoFar:
    """The response that one or more answers come in, as far as it is known."""

    target: Target
    started_s: float = 0.0
    """When the request left, on the monotonic clock."""
    continued: Message | None = None
    """The cut answer that this one goes on with, and holds."""
    started: ResponseStarted = field(default_factory=ResponseStarted)
    body: Mapping[str, Json] = field(default_factory=dict)
    usage: Usage | None = None
    """Of the whole response: one of its answers carries it, the others carry none."""
    usage_as_sent: Mapping[str, Json] = field(default_factory=dict)
    prompt_digest: str | None = None
    """Names what the usage is of, where it is one answer's."""


@dataclass(slots=True)
class IncomingAnswer:
    """What has come of one answer so far."""

    answer_id: str
    index: int
    """Among the answers of its turn, from 0."""
    source: ResponseSoFar
    choice: int = 0
    """Among the answers of its response, from 0."""
    text: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    """What of the text is a refusal."""
    reasoning: list[str] = field(default_factory=list)
    tool_calls: list[Json] = field(default_factory=list)
    scores: list[TokenScore] = field(default_factory=list)
    finish_reason: str | None = None
    is_seen: bool = False
    """Something of it came, be it only its end."""
    first_text_s: float | None = None
    """From the request to the first text."""
    has_begun: bool = False
    """It has its place on disk (or the store did not take it)."""
    begun_with: tuple[int, int] = (0, 0)
    """How many pieces of text and of reasoning were there at its beginning, and written with it."""
    journal: Journal | None = None
    ended: Message | None = None
    """Its end state."""

    @property
    def has_content(self) -> bool:
        """Say whether anything of an answer came."""
        return bool(self.text or self.reasoning or self.tool_calls)

    @property
    def is_worth_keeping(self) -> bool:
        """Say whether it ended with something in it, or whole."""
        ended = self.ended
        return ended is not None and (self.has_content or ended.state is State.COMPLETE)

    def take(self, event: ModelEvent, elapsed_s: float) -> None:
        """Take in what came of this answer, so long after the request left."""
        self.is_seen = True
        match event:
            case TextDelta(text=text) | RefusalDelta(text=text):
                if isinstance(event, RefusalDelta):
                    self.refusal.append(text)
                if self.first_text_s is None:
                    self.first_text_s = elapsed_s
                self.text.append(text)
            case ReasoningDelta(text=text):
                self.reasoning.append(text)
            case ToolCalled(name=name, arguments=arguments, call_id=call_id):
                function: Json = {"name": name, "arguments": arguments}
                self.tool_calls.append({"id": call_id, "type": "function", "function": function})
            case TokensScored(scores=scores):
                self.scores += scores
            case ChoiceFinished(finish_reason=reason):
                self.finish_reason = reason
            case _:
                pass

    def message(self, state: State, parent: str, now: datetime, usage: Usage | None) -> Message:
        """Write what came as a message."""
        source = self.source
        content, reasoning = "".join(self.text), "".join(self.reasoning)
        if source.continued is not None:
            content = source.continued.content + content
            reasoning = source.continued.reasoning + reasoning
        body = source.body
        return Message(
            id=self.answer_id,
            parent=parent,
            role="assistant",
            content=content,
            created=now,
            reasoning=reasoning,
            state=state,
            model=source.started.model or source.target.model,
            finish_reason=self.finish_reason,
            usage=usage,
            parameters={key: body[key] for key in body if key not in _NOT_PARAMETERS},
            response_id=source.started.response_id,
            prompt_digest=source.prompt_digest,
            extra=self._extra(state, has_usage=usage is not None),
        )

    def _extra(self, state: State, *, has_usage: bool) -> dict[str, Json]:
        source = self.source
        extra: dict[str, Json] = {}
        if self.refusal:
            # Of one that still comes, the content on disk grows, and this does not.
            extra[REFUSAL_FIELD] = True if state is State.STREAMING else "".join(self.refusal)
        if self.tool_calls:
            extra[TOOL_CALLS_FIELD] = list(self.tool_calls)
        if source.started.system_fingerprint:
            extra[FINGERPRINT_FIELD] = source.started.system_fingerprint
        extra[RESPONSE_FIELD] = response_fields(source.started, self.choice, source.continued)
        if has_usage and source.usage_as_sent:
            extra[USAGE_FIELD] = dict(source.usage_as_sent)
        return extra
