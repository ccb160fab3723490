"""Print what it takes to prepare a request from a session of 100,000 messages, all of which go.

``python -m tests.benchmarks.long_sessions [MESSAGES]``: the plan, the body, and the whole way from
a message to its request, each beside the floor: writing the same body as JSON. Times are of the
processor, so that others at work on the machine count little.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from chatrepl.core.conversation import Conversation
from chatrepl.core.events import ModelEvent
from chatrepl.core.messages import Message
from chatrepl.core.ports import ChatRequest
from chatrepl.core.session import Session
from tests.support.fakes import FixedCatalog, ScriptedModel, World

MESSAGES = 100_000
TIMES = 7


class TimedModel(ScriptedModel):
    """Notes when a request comes to it."""

    asked_at = 0.0

    async def stream(self, request: ChatRequest) -> AsyncIterator[ModelEvent]:
        """Answer like any other."""
        self.asked_at = time.process_time()
        async for event in super().stream(request):
            yield event


def conversation_of(count: int) -> Conversation:
    """Make a conversation of short messages."""
    messages: list[Message] = []
    now = datetime.now(UTC)
    for number in range(count):
        parent = messages[-1].id if messages else None
        role = "assistant" if number % 2 else "user"
        text = f"message {number} says some ten words of no great weight"
        messages.append(Message(f"0192-0000-{number:08}", parent, role, text, now))
    return Conversation(messages, messages[-1].id)


def timed(work: Callable[[], object], times: int = TIMES) -> tuple[float, float]:
    """Return the first time and the median of some, in milliseconds."""
    taken: list[float] = []
    for _ in range(times):
        start = time.process_time()
        work()
        taken.append((time.process_time() - start) * 1000)
    return taken[0], sorted(taken)[times // 2]


async def whole_way(session: Session, model: TimedModel, text: str) -> float:
    """Return the milliseconds from a message to its request."""
    start = time.process_time()
    async for _ in session.ask(text):
        pass
    return (model.asked_at - start) * 1000


async def measure(count: int) -> None:
    """Print all figures."""
    model = TimedModel()
    world = World(catalog=FixedCatalog(50_000_000), model=model)
    session = world.session()
    session.conversation = conversation_of(count)
    target = await session.target()
    known = {(m.id, session.planner.encoding(target.model)): 10 for m in session.conversation.path}
    session.planner.remember(known)
    planner, settings, conversation = session.planner, session.settings, session.conversation
    try:
        await planner.prepare(settings, target.model)
        plan = planner.plan(settings, target, conversation)
        made = timed(lambda: planner.plan(settings, target, conversation))
        body = timed(lambda: planner.request(settings, target, plan))
        request = planner.request(settings, target, plan)
        floor = timed(lambda: json.dumps(request.body).encode())
        for name, (first, median) in (("plan", made), ("body", body), ("floor: JSON", floor)):
            print(f"{name:24} first {first:7.1f} ms   median {median:7.1f} ms")
        ways = [await whole_way(session, model, f"question {number}") for number in range(TIMES)]
        first, median = ways[0], sorted(ways)[TIMES // 2]
        print(f"{'message to request':24} first {first:7.1f} ms   median {median:7.1f} ms")
    finally:
        await world.store.close()


def main(count: str = str(MESSAGES)) -> None:
    """Measure with as many messages."""
    asyncio.run(measure(int(count)))


if __name__ == "__main__":
    main(*sys.argv[1:2])
