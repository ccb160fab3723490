"""What would be sent now: counts each message once, fits the budget, writes the request body."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatrepl.core.biases import token_biases
from chatrepl.core.budget import Anchor, Limits, Plan, fit, format_of
from chatrepl.core.conversation import Conversation, Turn
from chatrepl.core.errors import MessageTooLarge, ModelError
from chatrepl.core.messages import Json, Message
from chatrepl.core.ports import Catalog, ChatRequest, ModelInfo, Server, TokenCounter
from chatrepl.core.settings import Settings

__all__ = ["Planner", "Target"]

_ALWAYS_SENT = frozenset({"model", "messages", "stream"})


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked: a server, a model on it, and the system text that goes first."""

    server: Server
    model: str
    system: Message | None


@dataclass(slots=True)
class _Lessons:
    """What a server taught about one of its models."""

    window: int | None = None
    left_out: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    token_ratio: float = 1.0
    """The server's own count of a refused request over ours: never below 1."""


class Planner:
    """Knows what everything counts. Holds caches; the truth is in the conversation and settings."""

    def __init__(self, counter: TokenCounter, catalog: Catalog) -> None:
        self._counter = counter
        self._catalog = catalog
        self._counts: dict[tuple[str, str], int] = {}
        self._fresh: dict[tuple[str, str], int] = {}
        self._lessons: dict[tuple[str, str], _Lessons] = {}
        self._anchor: tuple[tuple[str, str, str], Anchor] | None = None
        self.models: dict[str, ModelInfo] = {}
        """What the current server listed, by id."""

    def is_estimate(self, model: str) -> bool:
        """Say whether counts for a model are estimates: its encoding is not known."""
        return not self._counter.encoding_for(model)[1]

    def encoding(self, model: str) -> str:
        """Name the encoding that counts for a model."""
        return self._counter.encoding_for(model)[0]

    async def prepare(self, settings: Settings, model: str) -> None:
        """Load the vocabulary, and where it is needed the catalog, off the event loop."""
        await self._counter.prepare(self.encoding(model))
        listed = self.models.get(model)
        if settings.integer("context_window") is None and not (listed and listed.context_window):
            await self._catalog.prepare()

    def remember(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Take counts that were made before."""
        self._counts.update(counts)

    def take_fresh(self) -> dict[tuple[str, str], int]:
        """Return the counts made since the last call, to be kept with the messages."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    def limits(self, settings: Settings, target: Target) -> Limits:
        """Work out what one request may use."""
        return Limits.of(
            window=self.window(settings, target),
            budget=settings.integer("budget"),
            reserve=settings.integer("reserve"),
            max_tokens=settings.integer("max_tokens"),
        )

    def window(self, settings: Settings, target: Target) -> int | None:
        """Return the context window in tokens: as set, taught, listed or known; else None."""
        listed = self.models.get(target.model)
        return (
            settings.integer("context_window")
            or self._lessons_for(target).window
            or (listed.context_window if listed else None)
            or self._catalog.context_window(target.model)
        )

    def plan(
        self,
        settings: Settings,
        target: Target,
        conversation: Conversation,
        question: Message | None = None,
    ) -> Plan:
        """Choose what would be sent now, or with a further question. ``prepare`` comes before."""
        turns = conversation.turns()
        if question is not None:
            turns.append(Turn((question,)))
        ratio = self._lessons_for(target).token_ratio
        return fit(
            target.system,
            turns,
            marks=conversation.marks,
            limits=self.limits(settings, target),
            count=lambda message: round(self.count(message, target.model) * ratio),
            priming=format_of(target.model).priming,
            anchor=self._anchor_for(target),
        )

    def count(self, message: Message, model: str) -> int:
        """Count one message with all that the chat format adds to it."""
        encoding = self.encoding(model)
        form = format_of(model)
        tokens = form.per_message + self._counter.count(message.role, encoding)
        if message.name:
            tokens += form.per_name + self._counter.count(message.name, encoding)
        return tokens + self._content_tokens(message, encoding)

    def request(self, settings: Settings, target: Target, plan: Plan) -> ChatRequest:
        """Write the request, less what this server refused before."""
        lessons = self._lessons_for(target)
        body: dict[str, Json] = {
            "model": target.model,
            "messages": [_as_sent(message) for message in plan.sent],
        }
        for key, value in self._parameters(settings, target.model).items():
            body[lessons.renamed.get(key, key)] = value
        if settings.is_on("stream"):
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        for key in lessons.left_out:
            body.pop(key, None)
        return ChatRequest(target.server, body)

    def _parameters(self, settings: Settings, model: str) -> dict[str, Json]:
        parameters = settings.parameters()
        biases = parameters.get("logit_bias")
        if isinstance(biases, dict):
            parameters["logit_bias"] = token_biases(biases, self._counter, model)
        return parameters

    def learn_parameter(self, target: Target, error: ModelError, body: Mapping[str, Json]) -> str:
        """Remember a refused parameter; return what was done in words, or "" if nothing can be."""
        name = str(error.details.get("parameter", "")).split(".")[0]
        if name not in body or name in _ALWAYS_SENT:
            return ""
        lessons = self._lessons_for(target)
        replacement = error.details.get("replacement")
        if isinstance(replacement, str) and replacement not in body and replacement != name:
            lessons.renamed[name] = replacement
            return f"{target.model} wants {replacement} instead of {name}: sending it again so"
        lessons.left_out.add(name)
        return f"{target.model} refuses {name}: sending it again without"

    def learn_window(self, target: Target, error: ModelError, plan: Plan) -> bool:
        """Remember the server's own numbers after it refused a request's length."""
        lessons = self._lessons_for(target)
        before = (lessons.window, lessons.token_ratio)
        window = error.details.get("window")
        if isinstance(window, int) and window > 0:
            lessons.window = window
        prompt_tokens = error.details.get("prompt_tokens")
        if isinstance(prompt_tokens, int) and plan.tokens > 0:
            ratio = prompt_tokens / plan.tokens * 1.01
            lessons.token_ratio = max(lessons.token_ratio, ratio)
        self._anchor = None
        return before != (lessons.window, lessons.token_ratio)

    def learn_usage(self, target: Target, plan: Plan, prompt_tokens: int) -> None:
        """Remember what the server counted for exactly this prompt."""
        sent = tuple(row.message.id for row in plan.rows if row.is_in and row.number)
        self._anchor = (_key(target), Anchor(sent, prompt_tokens))

    def _anchor_for(self, target: Target) -> Anchor | None:
        if self._anchor is None or self._anchor[0] != _key(target):
            return None
        return self._anchor[1]

    def _lessons_for(self, target: Target) -> _Lessons:
        return self._lessons.setdefault((target.server.base_url, target.model), _Lessons())

    def _content_tokens(self, message: Message, encoding: str) -> int:
        key = (message.id, encoding)
        if key not in self._counts or not message.id:
            tokens = self._counter.count(message.content, encoding)
            if not message.id:
                return tokens
            self._counts[key] = self._fresh[key] = tokens
        return self._counts[key]


def check_fits(plan: Plan) -> None:
    """Raise ``MessageTooLarge``, with the numbers, where what must go does not fit."""
    if plan.fits:
        return
    limits = plan.limits
    if limits.room <= 0:
        raise MessageTooLarge(
            f"a reserve of {limits.reserve:,} tokens leaves nothing of the "
            f"{min(limits.budget, limits.window):,} that a request may use",
            "lower /reserve or /max_tokens, or raise /budget",
        )
    raise MessageTooLarge(
        f"this message and what always goes with it are {plan.tokens:,} tokens, "
        f"{plan.tokens - limits.room:,} more than the {limits.room:,} there is room for",
        "shorten it, or see /context, /budget and /reserve",
    )


def _key(target: Target) -> tuple[str, str, str]:
    return (
        target.server.base_url,
        target.model,
        target.system.content if target.system else "",
    )


def _as_sent(message: Message) -> dict[str, Json]:
    sent: dict[str, Json] = {"role": message.role, "content": message.content}
    if message.name:
        sent["name"] = message.name
    return sent
