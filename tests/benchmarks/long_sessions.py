"""Costs of a request from a session of 100,000 messages, all of which go.

``python -m tests.benchmarks.long_sessions [MESSAGES]``: the plan, the body, the whole way from a
message to its request, and on to a server on this machine, each beside the floor: writing the same
body as JSON. Times are of the processor, so that others at work on the machine count little; only
those to the server are of the clock.
"""

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime

from chatrepl.core.conversation.tree import Conversation
from chatrepl.core.events import ModelEvent
from chatrepl.core.messages import Message
from chatrepl.core.ports.chat_model import ChatRequest
from chatrepl.core.session import Session
from chatrepl.services.openai_api import OpenAIChatModel
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


class Listener:
    """A server that notes when a request's first and last bytes come, and answers ``ok``."""

    ANSWER = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        b'data: {"choices":[{"index":0,"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\n'
        b"data: [DONE]\n\n"
    )

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self.first_s = self.last_s = 0.0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                received = bytearray(connection.recv(65536))
                self.first_s = time.perf_counter()
                head, _, body = received.partition(b"\r\n\r\n")
                left = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) - len(body)
                while left:
                    left -= len(connection.recv(1 << 20))
                self.last_s = time.perf_counter()
                connection.sendall(self.ANSWER)


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


async def to_the_server(session: Session, count: int) -> None:
    """Print how long it is from a message to its request's first byte at a server, and its last."""
    listener, model = Listener(), OpenAIChatModel()
    await model.warm_up()
    chosen = session.servers.current
    server = replace(chosen, base_url=listener.url) if chosen else None
    real = Session(replace(session.ports, model=model), session.settings, server=server)
    real.conversation = conversation_of(count)
    target = await real.target()
    known = {(m.id, real.planner.encoding(target.model)): 10 for m in real.conversation.path}
    real.planner.counts.remember(known)
    # As the line below the prompt does, when a session is opened.
    await real.plan_ahead()
    ways: list[tuple[float, float]] = []
    for number in range(TIMES):
        start = time.perf_counter()
        async for _ in real.ask(f"question {number}"):
            pass
        ways.append(((listener.first_s - start) * 1000, (listener.last_s - start) * 1000))
    await model.close()
    for at, name in enumerate(("message to first byte", "message to last byte")):
        taken = [way[at] for way in ways]
        tell(name, taken[0], sorted(taken)[TIMES // 2])


async def longest_step(session: Session) -> None:
    """Print how long keys wait at the most while what goes with the next message is written."""
    pauses_ms: list[float] = []

    async def other() -> None:
        while True:
            start = time.process_time()
            await asyncio.sleep(0)
            pauses_ms.append((time.process_time() - start) * 1000)

    beside = asyncio.create_task(other())
    await session.plan_ahead()
    beside.cancel()
    tell("longest step ahead", max(pauses_ms), sorted(pauses_ms)[len(pauses_ms) // 2])


def tell(name: str, first_ms: float, median_ms: float) -> None:
    """Print one row."""
    print(f"{name:24} first {first_ms:7.1f} ms   median {median_ms:7.1f} ms")


async def measure(count: int) -> None:
    """Print all figures."""
    model = TimedModel()
    # The program imports what a turn needs while the first prompt is read.
    early = World(model=model)
    await whole_way(early.session(), model, "a first turn")
    await early.store.close()
    world = World(catalog=FixedCatalog(50_000_000), model=model)
    session = world.session()
    session.conversation = conversation_of(count)
    target = await session.target()
    known = {(m.id, session.planner.encoding(target.model)): 10 for m in session.conversation.path}
    session.planner.counts.remember(known)
    planner, settings, conversation = session.planner, session.settings, session.conversation
    try:
        await planner.prepare(settings, target.model)
        plan = planner.plan(settings, target, conversation)
        made = timed(lambda: planner.plan(settings, target, conversation))
        body = timed(lambda: planner.request(settings, target, plan))
        request = planner.request(settings, target, plan)
        floor = timed(lambda: json.dumps(request.body).encode())
        for name, (first, median) in (("plan", made), ("body", body), ("floor: JSON", floor)):
            tell(name, first, median)
        session.conversation = conversation_of(count)
        await longest_step(session)
        ways = [await whole_way(session, model, f"question {number}") for number in range(TIMES)]
        tell("message to request", ways[0], sorted(ways)[TIMES // 2])
        await to_the_server(session, count)
    finally:
        await world.store.close()


def main(count: str = str(MESSAGES)) -> None:
    """Measure with as many messages."""
    asyncio.run(measure(int(count)))


if __name__ == "__main__":
    main(*sys.argv[1:2])
