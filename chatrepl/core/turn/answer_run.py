"""The answers to one message: from the requests to their end states, kept whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from chatrepl.core.errors import ChatreplError
from chatrepl.core.events import Event
from chatrepl.core.messages import State
from chatrepl.core.turn.answer_set import AnswerSet, TurnContext
from chatrepl.core.turn.event_queue import EventQueue
from chatrepl.core.turn.exchange import Exchange, ModelRequest
from chatrepl.core.turn.incoming_answer import IncomingAnswer, ResponseSoFar

__all__ = ["AnswerRun"]


class AnswerRun:
    """Asks all there is to ask at the same time, and yields what happens, as it happens.

    Reading never waits for drawing. One response that fails does not disturb the others.
    """

    def __init__(self, exchange: TurnContext, inquiries: Sequence[ModelRequest]) -> None:
        self._exchange = exchange
        self._inquiries = inquiries
        self._mailbox = EventQueue()
        self._answers = AnswerSet(exchange, self._mailbox)
        self._responses: list[Exchange] = []
        self._is_stopped = False

    def stop(self) -> bool:
        """Stop all answers; what came is kept. False: they are over already, or being saved."""
        stopped = [response.stop() for response in self._running()]
        self._is_stopped = self._is_stopped or any(stopped)
        return any(stopped)

    async def events(self) -> AsyncIterator[Event]:
        """Yield the answers as they come; closing this early stops and keeps them."""
        places = [
            (
                inquiry,
                [self._answers.add(ResponseSoFar(inquiry.target)) for _ in range(inquiry.answers)],
            )
            for inquiry in self._inquiries
        ]
        for inquiry, drafts in places:
            if inquiry.error is None:
                self._ask(inquiry, drafts)
        refused = [(draft, inquiry.error) for inquiry, drafts in places for draft in drafts]
        work = asyncio.create_task(self._work([one for one in refused if one[1] is not None]))
        try:
            async for event in self._mailbox:
                yield event
            await work
        finally:
            self.stop()
            await asyncio.gather(work, return_exceptions=True)

    def _ask(self, inquiry: ModelRequest, drafts: Sequence[IncomingAnswer]) -> None:
        """Send one request for all of these answers, or as many as the server wants."""
        most = self._exchange.planner.most_answers(inquiry.target) or len(drafts)
        for at in range(0, len(drafts), most):
            self._begin(inquiry, drafts[at : at + most])

    def _begin(self, inquiry: ModelRequest, drafts: Sequence[IncomingAnswer]) -> None:
        if not self._is_stopped:
            self._responses.append(
                Exchange(self._exchange, inquiry, self._answers, drafts, self._ask)
            )

    def _running(self) -> list[Exchange]:
        return [response for response in self._responses if not response.task.done()]

    async def _work(self, refused: Sequence[tuple[IncomingAnswer, ChatreplError | None]]) -> None:
        try:
            for draft, error in refused:
                self._answers.start([draft])
                await self._answers.end(draft, State.FAILED, None, error)
            while running := self._running():
                try:
                    await asyncio.wait([response.task for response in running])
                except asyncio.CancelledError:
                    self.stop()
            for draft in self._answers.unended():
                # Its request was stopped before it could be sent.
                await self._answers.end(draft, State.STOPPED)
            await self._answers.close()
            for response in self._responses:
                if not response.task.cancelled():
                    response.task.result()
        finally:
            self._mailbox.close()
