"""Scripted answers of every ending, and turns played to their end."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import DraftReturned, Event, Level, Notice, TextDelta
from chatrepl.core.messages import State
from chatrepl.core.session import Session
from tests.support.fakes import Step, World, answer

__all__ = ["Gate", "Played", "script", "turn"]

_PIECE_CHARS = 3


class Gate(asyncio.Event):
    """A gate in an answer that never opens; ``reached`` is set when the answer stands at it."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()

    async def wait(self) -> Literal[True]:
        self.reached.set()
        return await super().wait()


@dataclass
class Played:
    """The events of one line."""

    events: list[Event] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Notice) and e.level is Level.ERROR]

    @property
    def draft(self) -> str | None:
        drafts = [e.text for e in self.events if isinstance(e, DraftReturned)]
        return drafts[-1] if drafts else None


def script(
    world: World, text: str, pieces: int, ending: str
) -> tuple[Gate | None, State | None, str]:
    """Let the next answer end ``whole``, ``stopped`` or ``broken`` after so many pieces.

    Returns the gate at which it must be stopped (None: it ends by itself), its state (None: no
    byte of it comes), and the text that comes.
    """
    came = text[: _PIECE_CHARS * pieces]
    starts = range(0, len(came), _PIECE_CHARS)
    deltas: list[Step] = [TextDelta(came[at : at + _PIECE_CHARS]) for at in starts]
    if ending == "whole":
        world.model.scripts = [answer(text)]
        return None, State.COMPLETE, text
    if ending == "broken":
        world.model.scripts = [[*deltas, ModelError("gone", fault=Fault.UNREACHABLE)]]
        return None, State.CUT if came else None, came
    gate = Gate()
    world.model.scripts = [[*deltas, gate]]
    return gate, State.STOPPED if came else None, came


async def turn(session: Session, line: str, gate: Gate | None) -> Played:
    """Play a line to its end; where there is a gate, stop the answer when it is there."""
    played = Played()

    async def play() -> None:
        async for event in handle_line(session, line):
            played.events.append(event)

    playing = asyncio.create_task(play())
    if gate is not None:
        await gate.reached.wait()
        assert session.stop()
    await playing
    return played
