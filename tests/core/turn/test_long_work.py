"""Long work in threads: the event loop goes on meanwhile."""

import asyncio
import threading
from dataclasses import replace

from tests.support.events import answer_text
from tests.support.fakes import FixedCatalog, WordCounter, World
from tests.support.session_talk import say

LONGEST_WAIT_S = 10.0


class LoopTurns:
    """Work that ends well only if the event loop goes on meanwhile."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.went_on = True

    def wait(self) -> None:
        turned = threading.Event()
        self._loop.call_soon_threadsafe(turned.set)
        self.went_on = turned.wait(LONGEST_WAIT_S) and self.went_on


async def test_a_transcript_is_written_beside_the_event_loop() -> None:
    world = World()
    async with world.opened() as session:
        loop = LoopTurns()

        def html(text: str) -> str:
            loop.wait()
            return text

        session.ports = replace(session.ports, html=html)
        await say(session, "hello", "/export x.html")
        assert "hello" in world.files.files["x.html"]
        assert loop.went_on


async def test_a_large_paste_is_counted_beside_the_event_loop_and_once() -> None:
    world = World(catalog=FixedCatalog(1_000_000))
    paste = "word " * 50_000
    async with world.opened():
        loop = LoopTurns()

        class SlowCounter(WordCounter):
            def count(self, text: str, encoding: str) -> int:
                if len(text) > 1000:
                    loop.wait()
                return super().count(text, encoding)

        world.counter = SlowCounter()
        slow = world.session()
        assert answer_text(await say(slow, paste)) == "ok"
        assert answer_text(await say(slow, "/new", "/reminder mind", paste, "more")) == "okok"
        assert loop.went_on
        long = [text[-4:] for text in world.counter.asked if len(text) > 1000]
        assert long == ["ord ", "mind"]
