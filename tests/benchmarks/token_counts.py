"""Print estimate, corrected estimate and the built-in model's own count, side by side, by turn.

``python -m tests.benchmarks.token_counts [CACHE_FOLDER]``: fetches the model where it is missing.
The server's own counting is not used, so that what is learnt from its reports can be seen.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chatrepl.core.budget import Plan
from chatrepl.core.commands.line import handle_line
from chatrepl.core.events import AnswerEnded, Level, ModelEvent, Notice
from chatrepl.core.planner import Target
from chatrepl.core.ports import ChatRequest, ModelInfo, Server
from chatrepl.core.session import Session
from chatrepl.core.settings import Layer, Settings
from chatrepl.services.local_model import BuiltInModel
from chatrepl.services.openai_api import OpenAIChatModel
from chatrepl.services.tokenizer import TiktokenCounter
from tests.support.fakes import FixedCatalog, World

__all__ = ["Measured", "measure"]

TURNS = 30
WINDOW = 8192
TOPICS = ("rivers", "bread", "prime numbers", "Zürich", "sailing", "the moon", "def f(x): return x")


@dataclass(frozen=True)
class Measured:
    """One turn: what the whole prompt counted."""

    turn: int
    estimate: int
    corrected: int
    reported: int
    omitted: int

    @property
    def error(self) -> float:
        return self.corrected / self.reported - 1


class NotCounting:
    """The server without its own counting."""

    def __init__(self, model: OpenAIChatModel) -> None:
        self._model = model

    def stream(self, request: ChatRequest) -> AsyncIterator[ModelEvent]:
        return self._model.stream(request)

    async def models(self, server: Server) -> Sequence[ModelInfo]:
        return await self._model.models(server)

    async def count_tokens(self, request: ChatRequest) -> int | None:
        return None

    async def warm_up(self) -> None:
        return

    async def close(self) -> None:
        await self._model.close()


def question(turn: int, words: int) -> str:
    topic = TOPICS[turn % len(TOPICS)]
    filler = f"We spoke of {topic}, item {turn}: it was said that {topic} matter, more or less. "
    return f"Tell me one thing about {topic}. " + filler * (words // 14)


async def measure(
    cache: Path, turns: int, words: int, *, counts: bool, window: int = WINDOW
) -> list[Measured]:
    """Talk for some turns; raise ``AssertionError`` where a request is refused."""
    local = BuiltInModel(cache, context_window=window)
    async for _ in local.prepare():
        pass
    model = OpenAIChatModel()
    world = World(catalog=FixedCatalog(window), server=replace(local.server(), is_local=counts))
    session = world.session()
    ports = replace(
        session.ports,
        model=model if counts else NotCounting(model),
        counter=TiktokenCounter(),
    )
    settings = Settings().with_layer(
        Layer.FILE,
        {"model": local.name, "max_tokens": 48, "temperature": 0, "system": "Be brief."},
        "run",
    )
    session = Session(ports, settings, server=world.server)
    try:
        return [await _turn(session, turn, words) for turn in range(turns)]
    finally:
        await world.store.close()
        await model.close()
        await local.close()


async def _turn(session: Session, turn: int, words: int) -> Measured:
    plans: list[Plan] = []
    made = session.planner.request

    def watched(settings: Settings, target: Target, plan: Plan) -> ChatRequest:
        plans.append(plan)
        return made(settings, target, plan)

    session.planner.request = watched  # type: ignore[method-assign]
    try:
        events = [event async for event in handle_line(session, question(turn, words))]
    finally:
        session.planner.request = made  # type: ignore[method-assign]
    told = [event for event in events if isinstance(event, Notice)]
    refused = [e.text for e in told if e.level is Level.ERROR or "own numbers" in e.text]
    assert not refused, refused
    usage = next(event for event in events if isinstance(event, AnswerEnded)).message.usage
    plan = plans[-1]
    assert usage is not None and usage.prompt_tokens is not None
    return Measured(
        turn + 1, plan.plain_tokens, plan.tokens, usage.prompt_tokens, plan.omitted_turns
    )


def main(cache: str = "/tmp/chatrepl-benchmark") -> None:
    """Print the table for short turns, then for a conversation ten times the window."""
    for title, turns, words, window in (
        ("short turns", TURNS, 28, WINDOW),
        ("ten windows of 1,024 tokens", 36, 200, 1024),
    ):
        found = asyncio.run(measure(Path(cache), turns, words, counts=False, window=window))
        print(f"{title}\n turn  estimate  corrected  reported   error  left out")
        for row in found:
            print(
                f"{row.turn:5} {row.estimate:9,} {row.corrected:10,} {row.reported:9,} "
                f"{row.error:+7.1%} {row.omitted:9}"
            )
        largest = max(abs(row.error) for row in found)
        print(f"largest error {largest:.1%}; {sum(r.reported for r in found):,} tokens in all\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
