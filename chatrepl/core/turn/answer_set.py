"""The answers of one turn while they arrive: shown, journalled, and saved as they end."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from chatrepl.core.conversation.branches import answers_to
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
from chatrepl.core.messages import Message, State, Usage
from chatrepl.core.sessions.journal import Journal
from chatrepl.core.sessions.state import SessionState
from chatrepl.core.turn.event_queue import EventQueue
from chatrepl.core.turn.incoming_answer import IncomingAnswer, ResponseSoFar
from chatrepl.core.turn.spending_limit import price_of
from chatrepl.core.turn.turn_request import TurnRequest


class AnswerSet:
    """The answers of one turn. They end one by one; ``close`` ends the turn.

    Of several answers each keeps its place: begun on disk in order, and, if any of them is worth
    keeping, kept whatever became of it, so that their numbers stay. ``compared`` names the models
    where the answers come from several.
    """

    def __init__(
        self,
        session: SessionState,
        turn: TurnRequest,
        events: EventQueue,
        compared: tuple[str, ...] = (),
    ) -> None:
        self._session = session
        self._turn = turn
        self._question = turn.question
        self._events = events
        self._compared = compared
        self._older = len(answers_to(session.conversation, turn.question.id))
        """The number of answers that the question has already."""
        self._answers: list[IncomingAnswer] = []
        self._begin_lock = asyncio.Lock()
        self._shown_errors: set[str] = set()
        self._only_error: ChatreplError | None = None
        self._last_notices: list[Notice] = []

    def add(self, response: ResponseSoFar) -> IncomingAnswer:
        """Make the place of a further answer, before any arrives."""
        answer = IncomingAnswer(self._session.ports.new_id(), len(self._answers), response)
        self._answers.append(answer)
        return answer

    def put(self, event: Event) -> None:
        """Show an event."""
        self._events.put(event)

    def put_last(self, notice: Notice) -> None:
        """Show a notice below all answers: while they arrive, it would stand among them."""
        self._last_notices.append(notice)

    def start(self, answers: Sequence[IncomingAnswer]) -> None:
        """Show that a request for these answers goes out."""
        for answer in answers:
            self.put(AnswerStarted(answer.response.target.model, answer.index, self._among(answer)))

    async def take(self, answer: IncomingAnswer, event: ModelEvent) -> None:
        """Take an event of an answer: show it, and write it to the answer's journal."""
        answer.take(event, self._session.ports.clock.monotonic() - answer.response.started_s)
        match event:
            case TextDelta(text=text) | RefusalDelta(text=text):
                self.put(type(event)(text, answer.index))
                await self._journal(answer, text, "")
            case ReasoningDelta(text=text):
                self.put(ReasoningDelta(text, answer.index))
                await self._journal(answer, "", text)
            case ToolCalled():
                self.put(replace(event, index=answer.index))
            case _:
                pass

    async def end(
        self,
        answer: IncomingAnswer,
        state: State,
        usage: Usage | None = None,
        error: ChatreplError | None = None,
    ) -> None:
        """Bring an answer to its end state, on disk too if anything of it came."""
        session, ports, response = self._session, self._session.ports, answer.response
        message = answer.message(state, self._question.id, ports.clock.now(), usage)
        cost = await price_of(ports.catalog, response.target, message)
        elapsed_s = ports.clock.monotonic() - response.started_s
        extra = {**with_cost(message.extra, cost), **timing_fields(elapsed_s, answer.first_text_s)}
        extra = with_scores(extra, answer.scores, response.continued)
        if error is not None and self._are_several:
            extra["error"] = str(error)
        answer.final = message = replace(message, extra=extra)
        # Not before: the first price may take long to find out.
        if answer.journal is not None:
            await answer.journal.close()
        if not self._are_several:
            self._only_error = error
            if not answer.is_worth_keeping:
                return
            session.settle(message)
            await session.autosave.finish_answer(session.move_head(message.id), message)
        elif answer.is_worth_keeping:
            await session.autosave.finish_answer(session.move_head(self._question.id), message)
        self.put(self._ended(answer, message, elapsed_s, error))

    def _ended(
        self,
        answer: IncomingAnswer,
        message: Message,
        elapsed_s: float,
        error: ChatreplError | None,
    ) -> AnswerEnded:
        tokens, is_estimate = None, False
        if self._compared:
            model = answer.response.target.model
            tokens, is_estimate = self._session.planner.answer_tokens(model, message)
        return AnswerEnded(
            message,
            elapsed_s,
            answer.first_text_s,
            index=answer.index,
            among=self._among(answer),
            error=self._error_notice(error),
            tokens=tokens,
            is_estimate=is_estimate,
        )

    def unended(self) -> list[IncomingAnswer]:
        """Return the answers that have no end state yet."""
        return [answer for answer in self._answers if answer.final is None]

    async def close(self) -> None:
        """End the turn: move the head to an answer, or back; show the last notices."""
        self._events.extend(self._last_notices)
        if not any(answer.is_worth_keeping for answer in self._answers):
            await self._give_back()
        elif self._are_several:
            await self._keep_all()
        if self._only_error is not None:
            self.put(Notice.of(self._only_error))
        self._show_autosave_notices()

    @property
    def _are_several(self) -> bool:
        return len(self._answers) > 1

    def _among(self, answer: IncomingAnswer) -> Among | None:
        if not self._are_several:
            return None
        of = self._older + len(self._answers)
        return Among(self._older + answer.index + 1, of, self._compared)

    def _error_notice(self, error: ChatreplError | None) -> Notice | None:
        """Return what ended one of several answers, unless another one showed the same."""
        if error is None or not self._are_several or str(error) in self._shown_errors:
            return None
        self._shown_errors.add(str(error))
        # A hint's advice is about the current answer.
        return replace(Notice.of(error), hint="")

    async def _journal(self, answer: IncomingAnswer, text: str, reasoning: str) -> None:
        session = self._session
        if answer.journal is None:
            await self._begin(answer)
            answer.journal = Journal(session.ports.store, answer.answer_id)
            texts, reasonings = answer.begun_with
            text, reasoning = "".join(answer.text[texts:]), "".join(answer.reasoning[reasonings:])
        if text or reasoning:
            answer.journal.add(text, reasoning)
        if answer.journal.error is not None and session.autosave.is_saved:
            # Shown while the answer still arrives: its text is on the screen, and not on the disk.
            session.autosave.fail(answer.journal.error, session.move_head(self._question.id))
            self._show_autosave_notices()

    async def _begin(self, answer: IncomingAnswer) -> None:
        """Begin an answer on disk, and those before it first: the order stays."""
        session, question_id = self._session, self._question.id
        async with self._begin_lock:
            for each in self._answers[: answer.index + 1]:
                if each.is_begun:
                    continue
                each.is_begun = True
                each.begun_with = len(each.text), len(each.reasoning)
                now = session.ports.clock.now()
                message = each.message(State.STREAMING, question_id, now, each.response.usage)
                await session.autosave.begin_answer(session.move_head(question_id), message)

    async def _keep_all(self) -> None:
        """Put all answers into the conversation in order; go on with the first whole one."""
        session = self._session
        for answer in self._answers:
            if answer.final is not None:
                session.settle(answer.final)
            if answer.final is not None and not answer.is_worth_keeping:
                record = session.move_head(self._question.id)
                await session.autosave.finish_answer(record, answer.final)
        kept = [answer for answer in self._answers if answer.is_worth_keeping]
        whole = [answer for answer in kept if answer.final and answer.final.state is State.COMPLETE]
        chosen = (whole or kept)[0]
        await session.autosave.save(session.move_head(chosen.answer_id))
        number = self._older + chosen.index + 1
        self.put(Notice(f"answer {number} is the current one", hint="/pick N goes on with another"))

    async def _give_back(self) -> None:
        """Move the head back, and return the text, as not one byte of an answer came."""
        session, question, fallback_head = self._session, self._question, self._turn.fallback_head
        is_stopped = any(
            answer.final is not None and answer.final.state is State.STOPPED
            for answer in self._answers
        )
        if fallback_head == question.parent:
            state = State.STOPPED if is_stopped else State.FAILED
            failed = replace(question, state=state)
            session.settle(failed)
            await session.autosave.set_state(session.move_head(fallback_head), failed)
            self.put(DraftReturned(failed.content))
        else:
            await session.autosave.save(session.move_head(fallback_head))
        if is_stopped:
            self.put(Notice("stopped before an answer came", Level.INFO))

    def _show_autosave_notices(self) -> None:
        notices = self._session.autosave.notices
        self._events.extend(notices)
        notices.clear()
