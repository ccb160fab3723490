"""The answers of one turn while they come: told, journalled, and kept as they end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from chatrepl.core.context.planner import Planner
from chatrepl.core.conversation.logprobs import with_scores
from chatrepl.core.conversation.metadata import timing_fields, with_cost
from chatrepl.core.errors import ChatreplError
from chatrepl.core.events import (
    Among,
    AnswerEnded,
    AnswerStarted,
    DraftReturned,
    Event,
    Level,
    ModelEvent,
    Notice,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCalled,
)
from chatrepl.core.messages import Message, SessionRecord, State, Usage
from chatrepl.core.ports.chat_model import ChatModel
from chatrepl.core.ports.storage import Store
from chatrepl.core.ports.system import Clock
from chatrepl.core.servers.target import Target
from chatrepl.core.sessions.autosave import Autosave
from chatrepl.core.sessions.journal import Journal
from chatrepl.core.turn.event_queue import EventQueue
from chatrepl.core.turn.incoming_answer import IncomingAnswer, ResponseSoFar

__all__ = ["AnswerSet", "TurnContext"]


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What the answers of a turn need of their session."""

    model: ChatModel
    store: Store
    clock: Clock
    planner: Planner
    keeper: Autosave
    question: Message
    new_id: Callable[[], str]
    record: Callable[[str | None], SessionRecord]
    """Move the session's head, and return its record."""
    settle: Callable[[Message], None]
    """Put a message's end state into the conversation; the head stays."""
    fallback_head: str | None
    """Where the head goes when not one byte of an answer comes."""
    cost: Callable[[Target, Message], Awaitable[float | None]]
    """What an answer cost in dollars, where that is known."""
    older: int = 0
    """How many answers the question has already."""
    compared: tuple[str, ...] = ()
    """The models, where the answers come from several."""


class AnswerSet:
    """Takes what comes of each answer. Answers end one by one; ``close`` ends the turn.

    Of several answers each keeps its place: begun on disk in order, and, if any of them is worth
    keeping, kept whatever became of it, so that their numbers stay.
    """

    def __init__(self, exchange: TurnContext, mailbox: EventQueue) -> None:
        self._exchange = exchange
        self._mailbox = mailbox
        self._drafts: list[IncomingAnswer] = []
        self._beginning = asyncio.Lock()
        self._told_errors: set[str] = set()
        self._only_error: ChatreplError | None = None
        self._last: list[Notice] = []

    def add(self, source: ResponseSoFar) -> IncomingAnswer:
        """Make the place of a further answer, before any comes."""
        draft = IncomingAnswer(self._exchange.new_id(), len(self._drafts), source)
        self._drafts.append(draft)
        return draft

    def put(self, event: Event) -> None:
        """Tell something."""
        self._mailbox.put(event)

    def put_last(self, notice: Notice) -> None:
        """Tell something below all answers: while they come, it would stand among them."""
        self._last.append(notice)

    def start(self, drafts: Sequence[IncomingAnswer]) -> None:
        """Tell that a request for these answers goes out."""
        for draft in drafts:
            self.put(AnswerStarted(draft.source.target.model, draft.index, self._among(draft)))

    async def take(self, draft: IncomingAnswer, event: ModelEvent) -> None:
        """Take a piece of an answer: tell it, and put it into its journal."""
        draft.take(event, self._exchange.clock.monotonic() - draft.source.started_s)
        match event:
            case TextDelta(text=text):
                self.put(TextDelta(text, draft.index))
                await self._journalled(draft, text, "")
            case RefusalDelta(text=text):
                self.put(RefusalDelta(text, draft.index))
                await self._journalled(draft, text, "")
            case ReasoningDelta(text=text):
                self.put(ReasoningDelta(text, draft.index))
                await self._journalled(draft, "", text)
            case ToolCalled():
                self.put(replace(event, index=draft.index))
            case _:
                pass

    async def end(
        self,
        draft: IncomingAnswer,
        state: State,
        usage: Usage | None = None,
        error: ChatreplError | None = None,
    ) -> None:
        """Bring an answer to its end state, on the disk too if anything of it came."""
        exchange = self._exchange
        message = draft.message(state, exchange.question.id, exchange.clock.now(), usage)
        cost = await exchange.cost(draft.source.target, message)
        elapsed_s = exchange.clock.monotonic() - draft.source.started_s
        extra = {**with_cost(message.extra, cost), **timing_fields(elapsed_s, draft.first_text_s)}
        extra = with_scores(extra, draft.scores, draft.source.continued)
        if error is not None and self._are_several:
            extra["error"] = str(error)
        draft.ended = message = replace(message, extra=extra)
        # Not before: what a price is may take long to find out, at first.
        if draft.journal is not None:
            await draft.journal.close()
        if not self._are_several:
            self._only_error = error
            if not draft.is_worth_keeping:
                return
            exchange.settle(message)
            await exchange.keeper.finish_answer(exchange.record(message.id), message)
        elif draft.is_worth_keeping:
            record = exchange.record(exchange.question.id)
            await exchange.keeper.finish_answer(record, message)
        self.put(self._ended(draft, message, elapsed_s, error))

    def _ended(
        self, draft: IncomingAnswer, message: Message, elapsed_s: float, error: ChatreplError | None
    ) -> AnswerEnded:
        tokens, is_estimate = None, False
        if self._exchange.compared:
            tokens, is_estimate = self._exchange.planner.answer_tokens(
                draft.source.target.model, message
            )
        return AnswerEnded(
            message,
            elapsed_s,
            draft.first_text_s,
            index=draft.index,
            among=self._among(draft),
            error=self._told_once(error),
            tokens=tokens,
            is_estimate=is_estimate,
        )

    def unended(self) -> list[IncomingAnswer]:
        """Return the answers that have no end state yet."""
        return [draft for draft in self._drafts if draft.ended is None]

    async def close(self) -> None:
        """End the turn: the head goes to an answer, or back; tell what there is to tell."""
        for notice in self._last:
            self.put(notice)
        if not any(draft.is_worth_keeping for draft in self._drafts):
            await self._give_back()
        elif self._are_several:
            await self._keep_all()
        if self._only_error is not None:
            self.put(Notice.of(self._only_error))
        self._tell()

    @property
    def _are_several(self) -> bool:
        return len(self._drafts) > 1

    def _among(self, draft: IncomingAnswer) -> Among | None:
        if not self._are_several:
            return None
        exchange = self._exchange
        of = exchange.older + len(self._drafts)
        return Among(exchange.older + draft.index + 1, of, exchange.compared)

    def _told_once(self, error: ChatreplError | None) -> Notice | None:
        """Return what ended one of several answers, unless it was told of another one."""
        if error is None or not self._are_several or str(error) in self._told_errors:
            return None
        self._told_errors.add(str(error))
        # What a hint says to do is about the current answer.
        return replace(Notice.of(error), hint="")

    async def _journalled(self, draft: IncomingAnswer, text: str, reasoning: str) -> None:
        keeper, exchange = self._exchange.keeper, self._exchange
        if draft.journal is None:
            await self._begin(draft)
            draft.journal = Journal(exchange.store, draft.answer_id)
            texts, reasonings = draft.begun_with
            text, reasoning = "".join(draft.text[texts:]), "".join(draft.reasoning[reasonings:])
        if text or reasoning:
            draft.journal.add(text, reasoning)
        if draft.journal.error is not None and keeper.is_saved:
            # Told while the answer still comes: its text is on the screen, and not on the disk.
            keeper.fail(draft.journal.error, exchange.record(exchange.question.id))
            self._tell()

    async def _begin(self, draft: IncomingAnswer) -> None:
        """Give an answer its place on disk, and those before it theirs: the order stays."""
        exchange = self._exchange
        async with self._beginning:
            for each in self._drafts[: draft.index + 1]:
                if each.has_begun:
                    continue
                each.has_begun = True
                each.begun_with = len(each.text), len(each.reasoning)
                now = exchange.clock.now()
                usage = each.source.usage
                message = each.message(State.STREAMING, exchange.question.id, now, usage)
                await exchange.keeper.begin_answer(exchange.record(exchange.question.id), message)

    async def _keep_all(self) -> None:
        """Put all answers into the conversation in order; go on with the first whole one."""
        exchange = self._exchange
        for draft in self._drafts:
            if draft.ended is not None:
                exchange.settle(draft.ended)
            if draft.ended is not None and not draft.is_worth_keeping:
                record = exchange.record(exchange.question.id)
                await exchange.keeper.finish_answer(record, draft.ended)
        kept = [draft for draft in self._drafts if draft.is_worth_keeping]
        whole = [draft for draft in kept if draft.ended and draft.ended.state is State.COMPLETE]
        chosen = (whole or kept)[0]
        await exchange.keeper.save(exchange.record(chosen.answer_id))
        number = exchange.older + chosen.index + 1
        self.put(
            Notice(
                f"answer {number} is the current one",
                hint="/pick N goes on with another",
            )
        )

    async def _give_back(self) -> None:
        """Not one byte of an answer came: the head goes back, and so does the text."""
        exchange = self._exchange
        is_stopped = any(
            draft.ended is not None and draft.ended.state is State.STOPPED for draft in self._drafts
        )
        is_new = exchange.fallback_head == exchange.question.parent
        if is_new:
            state = State.STOPPED if is_stopped else State.FAILED
            question = replace(exchange.question, state=state)
            exchange.settle(question)
            await exchange.keeper.set_state(exchange.record(exchange.fallback_head), question)
            self.put(DraftReturned(question.content))
        else:
            await exchange.keeper.save(exchange.record(exchange.fallback_head))
        if is_stopped:
            self.put(Notice("stopped before an answer came", Level.INFO))

    def _tell(self) -> None:
        notices = self._exchange.keeper.notices
        for notice in notices:
            self.put(notice)
        notices.clear()
