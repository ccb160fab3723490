"""Elapsed time of an answer."""

from collections.abc import AsyncIterator

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import AnswerEnded, ModelEvent
from chatrepl.core.ports.chat_model import ChatRequest
from tests.support.fakes import ScriptedModel, World, answer
from tests.support.session_talk import say


async def test_the_time_of_an_answer_begins_with_the_request_that_brought_it() -> None:
    world = World()

    class SlowToRefuse(ScriptedModel):
        def stream(self, request: ChatRequest) -> AsyncIterator[ModelEvent]:
            world.clock.ticks += 0 if self.requests else 1000
            return super().stream(request)

    refusal = ModelError("no", fault=Fault.PARAMETER_REFUSED, details={"parameter": "seed"})
    world.model = SlowToRefuse([[refusal], answer("at last")])
    async with world.opened() as session:
        ended = (await say(session, "/seed 1", "hi"))[-1]
        assert isinstance(ended, AnswerEnded)
        assert ended.message.content == "at last"
        assert ended.first_text_s is not None
        assert ended.first_text_s < ended.elapsed_s < 1000
