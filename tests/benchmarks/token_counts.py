"""Token counts of each prompt, by turn: estimated, corrected, counted, reported.

``python -m tests.benchmarks.token_counts [CACHE_FOLDER]``: fetches the model where it is missing.
``corrected`` is what there would be without a server that counts: the estimate, put right by what
was reported before. ``counted`` is what the request was fitted with, when it left.
"""

import asyncio
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.context.fitting import Plan
from chatrepl.core.events import AnswerEnded, Level, Notice
from chatrepl.core.ports.chat_model import ChatRequest
from chatrepl.core.servers.target import Target
from chatrepl.core.session import Session
from chatrepl.core.settings.layers import Layer, Settings
from chatrepl.services.local_model import BuiltInModel
from chatrepl.services.models.tokenizer import TiktokenCounter
from chatrepl.services.openai_api import OpenAIChatModel
from tests.support.fakes import FixedCatalog, World

__all__ = ["Measured", "measure"]

TURNS = 30
WINDOW = 8192
ANSWER_TOKENS = 8
TOPICS = ("rivers", "bread", "prime numbers", "Zürich", "sailing", "the moon", "def f(x): return x")


@dataclass(frozen=True)
class Measured:
    """Counts of the whole prompt of one turn."""

    turn: int
    estimate: int
    corrected: int
    counted: int
    reported: int
    omitted: int

    @property
    def error(self) -> float:
        return self.corrected / self.reported - 1


def question(turn: int, words: int) -> str:
    topic = TOPICS[turn % len(TOPICS)]
    filler = f"We spoke of {topic}, item {turn}: it was said that {topic} matter, more or less. "
    return f"Tell me one thing about {topic}. " + filler * (words // 14)


async def measure(cache: Path, turns: int, words: int, *, window: int = WINDOW) -> list[Measured]:
    """Talk for some turns; raise ``AssertionError`` where a request is refused."""
    local = BuiltInModel(cache, context_window=window)
    async for _ in local.prepare():
        pass
    model = OpenAIChatModel()
    world = World(catalog=FixedCatalog(window), server=local.server())
    session = world.session()
    ports = replace(session.ports, model=model, counter=TiktokenCounter())
    settings = Settings().with_layer(
        Layer.FILE,
        {"model": local.name, "max_tokens": ANSWER_TOKENS, "temperature": 0, "system": "Be brief."},
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

    def watched(
        settings: Settings, target: Target, plan: Plan, answers: int | None = None
    ) -> ChatRequest:
        plans.append(plan)
        return made(settings, target, plan, answers)

    session.planner.request = watched  # type: ignore[method-assign]
    try:
        events = [event async for event in handle_line(session, question(turn, words))]
    finally:
        session.planner.request = made  # type: ignore[method-assign]
    told = [event for event in events if isinstance(event, Notice)]
    refused = [e.text for e in told if e.level is Level.ERROR or "own numbers" in e.text]
    assert not refused, refused
    usage = next(event for event in events if isinstance(event, AnswerEnded)).message.usage
    assert usage is not None and usage.prompt_tokens is not None
    first, last = plans[0], plans[-1]
    return Measured(
        turn + 1,
        last.plain_tokens,
        first.tokens if first.sent == last.sent else last.tokens,
        last.tokens,
        usage.prompt_tokens,
        last.omitted_turns,
    )


def main(cache: str = "/tmp/chatrepl-benchmark") -> None:
    """Print the table for short turns, then for a conversation ten times the window."""
    for title, turns, words, window in (
        ("short turns", TURNS, 28, WINDOW),
        ("ten windows of 256 tokens", 26, 60, 256),
    ):
        found = asyncio.run(measure(Path(cache), turns, words, window=window))
        print(f"{title}\n turn  estimate  corrected   error  counted  reported  left out")
        for row in found:
            print(
                f"{row.turn:5} {row.estimate:9,} {row.corrected:10,} {row.error:+7.1%} "
                f"{row.counted:8,} {row.reported:9,} {row.omitted:9}"
            )
        largest = max(abs(row.error) for row in found)
        print(f"largest error {largest:.1%}; {sum(r.reported for r in found):,} tokens in all\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
