"""Summarise turns by the model into a message that stands for them in what is sent.

The originals stay in the tree. The summary hangs below the last message it stands for, beside the
path; it takes effect on every path through that message, until it is marked as dropped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from chatrepl.core.context.fitting import Plan, fit
from chatrepl.core.conversation.attachments import shortened_text, with_files
from chatrepl.core.conversation.metadata import with_cost
from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import Level, Notice, Progress, TextDelta, UsageReported
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, Usage
from chatrepl.core.ports.chat_model import ChatRequest
from chatrepl.core.servers.target import Target
from chatrepl.core.sessions.state import SessionState
from chatrepl.core.text.surrogates import valid_text
from chatrepl.core.turn.event_queue import EventQueue
from chatrepl.core.turn.exchange import open_stream
from chatrepl.core.turn.spending_limit import SpendingLimit, price_of

_HEADING = "[Summary of the conversation so far]"
_TASK = (
    "Summarise the conversation below, so that it can go on from the summary alone. Keep names, "
    "numbers, decisions, code that matters, and what is still open. Write only the summary."
)
_NEXT = "Below are a summary of what came before, and how the conversation went on."
_LABEL = "summarising"
_LONGEST_SUMMARY_TOKENS = 1024
_LEAST_CHUNK_TOKENS = 64
_MOST_TRIES = 4
_KEPT_PARAMETERS = ("temperature", "reasoning_effort", "verbosity", "service_tier", "user")


@dataclass(frozen=True, slots=True)
class _Choice:
    """The part of the conversation that a summary is to stand for."""

    messages: Sequence[Message]
    """All of them, also those an older summary stood for."""
    fresh: Sequence[Message]
    """Those that no summary has yet."""
    before: Message | None
    """The older summary that goes in."""
    turns: int
    """Number of turns that ``fresh`` are of."""


class Compaction:
    """One summary, written by a model in one request or several."""

    def __init__(
        self, session: SessionState, spending: SpendingLimit, target: Target, hint: str = ""
    ) -> None:
        self._session = session
        self._planner = session.planner
        self._spending = spending
        self._target = target
        self._hint = hint
        self._prompt_tokens = 0
        self._completion_tokens = 0

    async def run(self, events: EventQueue) -> None:
        """Summarise what no longer fits, or, where all fits, every turn but the newest.

        Half of the room is left free then, so that it lasts. Raises ``ModelError``; then nothing
        has changed.
        """
        plan = self._plan()
        choice = self._choice(plan)
        if not choice.fresh:
            events.put(
                Notice("there is nothing to summarise", hint="the newest and pinned turns stay")
            )
            return
        text = choice.before.content if choice.before else ""
        measure = self._planner.measure(self._target)
        replaced = sum(measure.message(message) for message in choice.fresh)
        replaced += measure.message(choice.before) if choice.before else 0
        chunks = list(self._chunks(choice.fresh, plan))
        most = self._most_usage(replaced, len(chunks))
        limit_usd, stores = self._session.settings.get("spending_limit"), self._session.stores
        events.extend(await self._spending.check(limit_usd, [(self._target, most)], stores))
        for number, chunk in enumerate(chunks):
            events.put(Progress(_LABEL, number, len(chunks) + 1, unit="parts"))
            text = await self._summary(text, chunk)
        await self._save(choice, text, replaced, events)

    async def _save(self, choice: _Choice, text: str, replaced: int, events: EventQueue) -> None:
        """Put the summary into the conversation, unless it is no shorter than what it replaces."""
        session = self._session
        summary = await self._priced(self._message(choice, text))
        tokens = self._planner.measure(self._target).message(summary)
        events.put(Progress(_LABEL, 1, 1))
        if tokens >= replaced:
            events.put(
                Notice(
                    f"the summary came out no shorter ({tokens:,} tokens) than what it would stand "
                    f"for ({replaced:,}): nothing is changed",
                    Level.WARNING,
                )
            )
            return
        session.conversation.add(summary, move_head=False)
        await session.autosave.save(session.move_head(session.conversation.head), [summary])
        turns = "1 turn" if choice.turns == 1 else f"{choice.turns} turns"
        events.put(
            Notice(
                f"summarised {turns}: {replaced:,} tokens became {tokens:,}",
                Level.SUCCESS,
                hint="/compact --undo sends the originals again",
            )
        )

    def _most_usage(self, tokens: int, parts: int) -> Usage:
        """Return the most that summarising so many tokens in so many parts may use."""
        measure = self._planner.measure(self._target)
        now = self._session.ports.clock.now()
        task = measure.message(Message("", None, "user", self._task(), now))
        longest = self._most_summary_tokens()
        prompts = measure.scaled(tokens + parts * task) + (parts - 1) * longest
        return Usage(prompts, parts * longest)

    async def _priced(self, summary: Message) -> Message:
        cost = await price_of(self._session.ports.catalog, self._target, summary)
        return replace(summary, extra=with_cost(summary.extra, cost))

    def _plan(self) -> Plan:
        """Plan with the newest turn; without it where not even that would go with a message."""
        settings, conversation = self._session.settings, self._session.conversation
        plan = self._planner.plan(settings, self._target, conversation)
        is_answered = bool(conversation.path) and conversation.path[-1].role != "user"
        if plan.fits or not is_answered:
            return plan
        return self._planner.plan(settings, self._target, conversation, newest_goes=False)

    def _choice(self, plan: Plan) -> _Choice:
        contents, oldest = plan.contents, len(plan.contents.turns)
        if plan.omitted_turns:
            room = max(0, plan.limits.room) // 2
            tight = replace(plan.limits, budget=plan.limits.reserve + room)
            measure = self._planner.measure(self._target)
            oldest = fit(contents, measure, tight).oldest
        special = contents.fixed | contents.left_out
        indexes = [index for index in range(oldest) if index not in special]
        fresh = [message for index in indexes for message in contents.turns[index].messages]
        first = min(indexes, default=0)
        # Of several summaries the last one before what is summarised now goes on.
        before = max((at for at in contents.summaries if at <= first), default=None)
        summary = None if before is None else contents.summaries[before]
        old = [
            self._session.conversation.get(id_) for id_ in (summary.summary_of if summary else ())
        ]
        return _Choice([*old, *fresh], fresh, summary, len(indexes))

    def _chunks(self, messages: Sequence[Message], plan: Plan) -> Iterator[str]:
        """Cut the conversation's text so that each part fits one request beside a summary."""
        room = max(0, plan.limits.room)
        size = max(_LEAST_CHUNK_TOKENS, room - min(_LONGEST_SUMMARY_TOKENS, room // 4) - room // 8)
        measure = self._planner.measure(self._target)
        parts: list[str] = []
        used = 0
        for message in messages:
            text = f"{message.role}: {shortened_text(message)}"
            tokens = measure.scaled(measure.message(message))
            whole = len(with_files(message))
            if message.attachments and len(text) < whole:
                tokens = 1 + tokens * len(text) // whole
            if parts and used + tokens > size:
                yield "\n\n".join(parts)
                parts, used = [], 0
            while tokens > size:
                cut = max(1, len(text) * size // tokens)
                yield text[:cut]
                text, tokens = text[cut:], tokens - size
            parts.append(text)
            used += tokens
        if parts:
            yield "\n\n".join(parts)

    async def _summary(self, before: str, chunk: str) -> str:
        task = self._task()
        parts = [task, _NEXT, before, chunk] if before else [task, chunk]
        content = valid_text("\n\n".join(parts))
        body: dict[str, Json] = {"messages": [{"role": "user", "content": content}]}
        for _ in range(_MOST_TRIES):
            request = self._request(body)
            try:
                text = await self._read(request)
            except ModelError as error:
                if not self._repair(error, request):
                    raise
            else:
                if text:
                    return text
                raise ModelError("the model wrote no summary", fault=Fault.BAD_RESPONSE)
        raise ModelError("the server refuses every form of the request", fault=Fault.BAD_REQUEST)

    def _task(self) -> str:
        return _TASK + (f" Mind especially: {self._hint}" if self._hint else "")

    def _most_summary_tokens(self) -> int:
        limits = self._planner.limits(self._session.settings, self._target)
        return max(1, min(limits.reserve or 1, _LONGEST_SUMMARY_TOKENS))

    def _request(self, body: dict[str, Json]) -> ChatRequest:
        parameters: dict[str, Json] = {
            key: value
            for key, value in self._session.settings.parameters().items()
            if key in _KEPT_PARAMETERS
        }
        parameters["max_tokens"] = self._most_summary_tokens()
        return self._planner.side_request(self._target, {**body, **parameters})

    def _repair(self, error: ModelError, request: ChatRequest) -> bool:
        """Record a refused parameter. False: nothing can be changed."""
        if error.fault is not Fault.PARAMETER_REFUSED:
            return False
        return bool(self._planner.refusals.record(self._target.model_key, error, request.body))

    async def _read(self, request: ChatRequest) -> str:
        parts: list[str] = []
        async with open_stream(self._session.ports.model, request) as stream:
            async for event in stream:
                if isinstance(event, TextDelta) and not event.index:
                    parts.append(event.text)
                elif isinstance(event, UsageReported):
                    self._prompt_tokens += event.usage.prompt_tokens or 0
                    self._completion_tokens += event.usage.completion_tokens or 0
        return "".join(parts).strip()

    def _message(self, choice: _Choice, text: str) -> Message:
        last = choice.messages[-1]
        plain = text.removeprefix(_HEADING).strip()
        usage = Usage(self._prompt_tokens, self._completion_tokens) if self._prompt_tokens else None
        return Message(
            id=self._session.ports.new_id(),
            parent=last.id,
            role="user",
            content=f"{_HEADING}\n\n{plain}",
            created=self._session.ports.clock.now(),
            model=self._target.model,
            usage=usage,
            summary_of=tuple(message.id for message in choice.messages),
        )


async def undo_summary(session: SessionState) -> Message | None:
    """Mark the newest summary as dropped, so that what it stands for is sent again.

    Return it; None: there is none.
    """
    marks = session.conversation.marks
    active = [one for one in session.conversation.summaries if one.id not in marks.dropped]
    if not active:
        return None
    await session.set_marks(replace(marks, dropped=marks.dropped | {active[-1].id}))
    return active[-1]
