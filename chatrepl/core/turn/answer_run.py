"""The run of a turn: from its requests to the end states of all answers, saved in any case."""

import asyncio
from collections.abc import Sequence

from chatrepl.core.errors import ChatreplError
from chatrepl.core.messages import State
from chatrepl.core.sessions.state import SessionState
from chatrepl.core.turn.answer_set import AnswerSet
from chatrepl.core.turn.event_queue import EventQueue
from chatrepl.core.turn.exchange import Exchange
from chatrepl.core.turn.incoming_answer import IncomingAnswer, ResponseSoFar
from chatrepl.core.turn.turn_request import ModelRequest, TurnRequest


class AnswerRun:
    """All requests of a turn, sent at the same time; their events go to the queue as they come.

    Reading never waits for drawing. One response that fails does not disturb the others.
    """

    def __init__(
        self,
        session: SessionState,
        turn: TurnRequest,
        requests: Sequence[ModelRequest],
        events: EventQueue,
    ) -> None:
        self._session = session
        self._requests = requests
        models = tuple(request.target.model for request in requests)
        self._answers = AnswerSet(session, turn, events, models if len(models) > 1 else ())
        self._exchanges: list[Exchange] = []
        self._is_stopped = False

    def stop(self) -> bool:
        """Stop all answers; what came is kept. False: they are over already, or being saved."""
        stopped = [exchange.stop() for exchange in self._running()]
        self._is_stopped = self._is_stopped or any(stopped)
        return any(stopped)

    async def run(self) -> None:
        """Ask, and wait for the ends of all answers; a cancellation stops and saves them first."""
        refused: list[tuple[IncomingAnswer, ChatreplError]] = []
        for request in self._requests:
            error, wanted = request.candidate.error, range(request.candidate.answers)
            answers = [self._answers.add(ResponseSoFar(request.target)) for _ in wanted]
            if error is None:
                self._ask(request, answers)
            else:
                refused += [(answer, error) for answer in answers]
        # A task of its own: a cancellation must not cut a save short.
        work = asyncio.create_task(self._end_all(refused))
        try:
            await asyncio.shield(work)
        finally:
            self.stop()
            await asyncio.gather(work, return_exceptions=True)

    def _ask(self, request: ModelRequest, answers: Sequence[IncomingAnswer]) -> None:
        """Send one request for all of these answers, or as many as the server wants."""
        most = self._session.planner.most_answers(request.target) or len(answers)
        for at in range(0, len(answers), most):
            if not self._is_stopped:
                self._exchanges.append(
                    Exchange(
                        self._session, request, self._answers, answers[at : at + most], self._ask
                    )
                )

    def _running(self) -> list[Exchange]:
        return [exchange for exchange in self._exchanges if not exchange.task.done()]

    async def _end_all(self, refused: Sequence[tuple[IncomingAnswer, ChatreplError]]) -> None:
        """Wait until every answer has its end state, and end the turn."""
        for answer, error in refused:
            self._answers.start([answer])
            await self._answers.end(answer, State.FAILED, None, error)
        while running := self._running():
            try:
                await asyncio.wait([exchange.task for exchange in running])
            except asyncio.CancelledError:
                self.stop()
        for answer in self._answers.unended():
            # Its request was stopped before it could be sent.
            await self._answers.end(answer, State.STOPPED)
        await self._answers.close()
        for exchange in self._exchanges:
            if not exchange.task.cancelled():
                exchange.task.result()
