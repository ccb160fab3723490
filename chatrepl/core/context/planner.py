"""The planner of requests: counts tokens, fits the budget, and writes the request body."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from chatrepl.core.context.calibration import Calibrations, TokenCalibration
from chatrepl.core.context.counting import Counts
from chatrepl.core.context.fitting import Anchor, Contents, Measure, Plan, fit, too_large
from chatrepl.core.context.limits import Limits, format_of
from chatrepl.core.context.reported_counts import Reports, sent_ids
from chatrepl.core.context.request_body import SEAM, BodyWriter
from chatrepl.core.context.turn_selection import TurnSelector
from chatrepl.core.conversation.api_messages import has_more_than_text
from chatrepl.core.conversation.tree import Conversation
from chatrepl.core.errors import ModelError
from chatrepl.core.events import ResponseStarted
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, Usage
from chatrepl.core.ports.chat_model import Catalog, ChatRequest, TokenCounter
from chatrepl.core.ports.remembered import Memory
from chatrepl.core.servers.model_directory import ModelDirectory
from chatrepl.core.servers.refused_parameters import COUNT, AllRefusedParameters
from chatrepl.core.servers.target import Target
from chatrepl.core.settings.layers import Settings
from chatrepl.core.settings.logit_bias import token_biases

_LLAMA_BUILD = re.compile(r"b\d+-\w")
"""The form of the system fingerprint of llama.cpp's server."""


class Planner:
    """Plans and writes requests. Holds only caches of what conversation and settings say."""

    def __init__(
        self, counter: TokenCounter, catalog: Catalog, memory: Memory, directory: ModelDirectory
    ) -> None:
        self._counter = counter
        self._catalog = catalog
        self._directory = directory
        self.counts = Counts(counter)
        """The token counts of messages and texts."""
        self.writer = BodyWriter()
        """The writer of messages, which reuses those of the request before."""
        self.refusals = AllRefusedParameters(memory)
        """Parameters that servers refused."""
        self._calibrations = Calibrations(memory)
        self._anchor: tuple[tuple[str, ...], Anchor] | None = None
        """The last reported count, with the prompt key that it is of."""
        self._reports = Reports()
        self._selector = TurnSelector()

    def is_estimate(self, model: str) -> bool:
        """Return whether counts for a model are estimates: its encoding is not known."""
        return not self._counter.encoding_for(model)[1]

    def mark(self, target: Target, plan: Plan) -> str:
        """Return ``≈`` where a part of a plan's count is an estimate, else an empty text."""
        if plan.is_reported and not plan.new_messages:
            return ""
        if self._is_corrected(target):
            return "≈"
        new = plan.sent[-plan.new_messages :] if plan.is_reported else plan.sent
        return "≈" if any(has_more_than_text(message) for message in new) else ""

    def is_estimated(self, target: Target, message: Message) -> bool:
        """Return whether a message's count is an estimate: only texts are counted exactly."""
        return self._is_corrected(target) or has_more_than_text(message)

    def _is_corrected(self, target: Target) -> bool:
        return self.is_estimate(target.model) or self.calibration(target).is_off

    def encoding(self, model: str) -> str:
        """Return the name of a model's encoding."""
        return self._counter.encoding_for(model)[0]

    async def prepare(self, settings: Settings, model: str) -> None:
        """Load the vocabulary, what servers taught, and the catalog where it is needed.

        Off the event loop; at once when all is loaded.
        """
        await self.refusals.load()
        await self._calibrations.load()
        await self._counter.prepare(self.encoding(model))
        listed = self._directory.current.get(model)
        if settings.integer("context_window") is None and not (listed and listed.context_window):
            await self._catalog.prepare()

    async def save_facts(self) -> None:
        """Save what servers taught for later runs."""
        await self.refusals.save()
        await self._calibrations.save()

    def check_fits(self, target: Target, plan: Plan) -> None:
        """Raise ``MessageTooLarge``, with the numbers, where a plan does not fit."""
        if not plan.fits:
            raise too_large(plan, self.mark(target, plan))

    def limits(self, settings: Settings, target: Target) -> Limits:
        """Return the limits of one request."""
        return Limits.of(
            window=self.window(settings, target),
            budget=settings.integer("budget"),
            reserve=settings.integer("reserve"),
            max_tokens=settings.integer("max_tokens"),
        )

    def window(self, settings: Settings, target: Target) -> int | None:
        """Return the context window in tokens: as set, listed or in the catalog.

        It is never larger than what the server said when it refused a length. None: not known.
        """
        listed = self._directory.find(target.server, target.model)
        stated = settings.integer("context_window") or (listed.context_window if listed else None)
        known = stated or self._catalog.context_window(target.model)
        learned = self.calibration(target).window
        return min(known, learned) if known and learned else known or learned

    def plan(
        self,
        settings: Settings,
        target: Target,
        conversation: Conversation,
        question: Message | None = None,
        *,
        newest_goes: bool = True,
    ) -> Plan:
        """Plan what would be sent now, or with a further question. ``prepare`` comes before.

        ``newest_goes``: the newest turn must be sent.
        """
        contents = self._selector.contents(target, conversation, question, newest_goes=newest_goes)
        measure = self.measure(target)
        limits = self.limits(settings, target)
        plan = fit(contents, measure, limits, self._anchor_for(target, contents))
        frame, hidden = self._beyond_ours(target)
        added = frame * _messages_of(plan) + hidden
        return replace(plan, plain_tokens=plan.plain_tokens - added) if added else plan

    def measure(self, target: Target) -> Measure:
        """Return the measure of messages and turns for a target, in tokens."""
        model, reminder, counts = target.model, target.reminder, self.counts
        frame, hidden = self._beyond_ours(target)
        return Measure(
            message=lambda message: counts.message(message, model, reminder) + frame,
            turns=lambda turns, first, after: (
                counts.turns(turns, first, after, model, reminder)
                + frame * turns.count(first, after)
            ),
            system=self._system_tokens(target) + (frame if target.system else 0),
            folded=self._folding(target),
            priming=format_of(model).priming + hidden,
            ratio=self.calibration(target).ratio,
        )

    def request(
        self, settings: Settings, target: Target, plan: Plan, answers: int | None = None
    ) -> ChatRequest:
        """Write the request, without what this server refused before.

        ``answers``: the number that it asks for; None: as the settings say.
        """
        body: dict[str, Json] = {
            "model": target.model,
            "messages": self.writer.messages_of(plan.sent, target.reminder),
            **self._parameters(settings, target.model),
        }
        if settings.is_on("stream"):
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        body = self.refusals.get(target.model_key).apply(body)
        if answers is not None and body.get(COUNT, answers) != answers:
            del body[COUNT]
            if answers > 1:
                body[COUNT] = answers
        return ChatRequest(target.server, body)

    def side_request(self, target: Target, body: Mapping[str, Json]) -> ChatRequest:
        """Write a streamed request outside the conversation, without what was refused before."""
        whole: dict[str, Json] = {
            "model": target.model,
            **body,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        refused = self.refusals.get(target.model_key)
        return ChatRequest(target.server, refused.apply(whole))

    def _parameters(self, settings: Settings, model: str) -> dict[str, Json]:
        parameters = settings.parameters()
        biases = parameters.get("logit_bias")
        if isinstance(biases, dict):
            parameters["logit_bias"] = token_biases(biases, self._counter, model)
        return parameters

    def most_answers(self, target: Target) -> int | None:
        """Return the largest number of answers to one request; None: there is no limit."""
        refused = self.refusals.get(target.model_key)
        return 1 if COUNT in refused.left_out else refused.most_answers

    def answer_tokens(self, model: str, answer: Message) -> tuple[int, bool]:
        """Return an answer's length in tokens, reported or else counted; True: an estimate."""
        reported = answer.usage.completion_tokens if answer.usage else None
        if reported is not None:
            return reported, False
        text = answer.content + answer.reasoning
        return self._counter.count(text, self.encoding(model)), self.is_estimate(model)

    def record_window(self, target: Target, error: ModelError, plan: Plan) -> bool:
        """Record the server's own numbers when it refused a request's length.

        False: they change nothing.
        """
        calibration = self.calibration(target)
        before = (calibration.window, calibration.ratio)
        window = error.details.get("window")
        if isinstance(window, int) and window > 0:
            calibration.window = window
        prompt_tokens = error.details.get("prompt_tokens")
        if isinstance(prompt_tokens, int) and plan.plain_tokens > 0:
            frame, hidden = self._beyond_ours(target)
            counted = plan.plain_tokens + frame * _messages_of(plan) + hidden
            if self.is_estimate(target.model) or prompt_tokens > counted:
                calibration.record_refusal(counted, prompt_tokens)
            if prompt_tokens > plan.tokens:
                self._reports.distrust(plan.contents)
        self._anchor = None
        return before != (calibration.window, calibration.ratio)

    def record_usage(self, target: Target, plan: Plan, usage: Usage, answer_id: str) -> None:
        """Record what the server counted for exactly this prompt, and for its answer.

        ``answer_id`` is empty for several answers, whose tokens are not told apart.
        """
        if not usage.prompt_tokens:
            return
        answer_tokens = self._answer_tokens(target, usage) if answer_id else 0
        self.record_count(target, plan, usage.prompt_tokens, (answer_id, answer_tokens))

    def record_count(
        self, target: Target, plan: Plan, tokens: int, answer: tuple[str, int] = ("", 0)
    ) -> None:
        """Record the server's count of exactly this prompt; ``answer`` is an id and its tokens."""
        ids = sent_ids(plan)
        self._anchor = (target.prompt_key, Anchor(ids, tokens, *answer))
        if any(map(has_more_than_text, plan.sent)):
            # Images and calls have no count of ours, so the report says nothing about texts.
            return
        if not self.is_estimate(target.model):
            self.calibration(target).is_contradicted = tokens != plan.plain_tokens
        elif target.server.is_local:
            # It counts for itself in every run, and has another address in each.
            self.calibration(target).record_report(plan.plain_tokens, _messages_of(plan), tokens)
        else:
            key = target.model_key
            self._calibrations.record_report(key, plan.plain_tokens, _messages_of(plan), tokens)

    def record_server(self, target: Target, started: ResponseStarted) -> None:
        """Record, by its fingerprint, that a server counts prompts when it is asked to."""
        calibration, fingerprint = self.calibration(target), started.system_fingerprint or ""
        if calibration.counts_itself is None and _LLAMA_BUILD.match(fingerprint):
            calibration.counts_itself = True

    def calibration(self, target: Target) -> TokenCalibration:
        """Return what a server taught about the tokens of a model."""
        return self._calibrations.get(target.model_key)

    def _anchor_for(self, target: Target, contents: Contents) -> Anchor | None:
        """Return the last reported count, where it is of this conversation, else a saved one."""
        key = target.prompt_key
        if self._anchor is not None and self._anchor[0] == key:
            anchor = self._anchor[1]
            ids = anchor.message_ids
            if not ids or contents.turns.index_of(ids[-1]) is not None:
                return anchor
        found = self._reports.find(contents, key)
        if found is None:
            return None
        anchor, answer = found
        tokens = self._answer_tokens(target, answer.usage) if answer.usage else 0
        return replace(anchor, answer_id=answer.id, answer_tokens=tokens)

    def _answer_tokens(self, target: Target, usage: Usage) -> int:
        """Return an answer's count when it is sent back, where the server knows better; else 0."""
        if not self.is_estimate(target.model) or not usage.completion_tokens:
            return 0
        tokens = usage.completion_tokens - (usage.reasoning_tokens or 0)
        frame, _ = self._beyond_ours(target)
        frame += self._framed(target, "assistant")
        return max(0, tokens + round(frame * self.calibration(target).ratio))

    def _beyond_ours(self, target: Target) -> tuple[int, int]:
        """Return a server's further tokens for each message and each prompt, in our counting."""
        if not self.is_estimate(target.model):
            return 0, 0
        calibration = self.calibration(target)
        hidden = round(calibration.hidden / calibration.ratio)
        return calibration.frame, max(-format_of(target.model).priming, hidden)

    def _framed(self, target: Target, role: str) -> int:
        """Count the tokens that the chat format adds to a message."""
        role = role or "user"
        return format_of(target.model).per_message + self.counts.text(role, target.model)

    def _system_tokens(self, target: Target) -> int:
        if target.system is None:
            return 0
        content = self.counts.text(target.system.content, target.model)
        return content + self._framed(target, target.system.role)

    def _folding(self, target: Target) -> Callable[[Sequence[Message]], int] | None:
        system = target.system
        if system is None or system.role != "user":
            return None

        def tokens(sent: Sequence[Message]) -> int:
            first = next((message for message in sent if message.role == "user"), None)
            if first is None:
                return self._system_tokens(target)
            return self.counts.lead(system.content + SEAM, first, target.model, target.reminder)

        return tokens


def _messages_of(plan: Plan) -> int:
    """Count the messages of a request; a system text inside another one does not count."""
    system = plan.contents.system
    return len(plan.sent) - (system is not None and system.role == "user")
