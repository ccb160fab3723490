"""Facts about servers' models, learned from their responses and cached across runs."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from chatrepl.core.json_value import Json
from chatrepl.core.ports.remembered import Memory

ModelKey = tuple[str, str]
"""A server's base URL, and a model on it."""


class LearnedFact(Protocol):
    """Facts about one model of one server."""

    def restore(self, saved: Json) -> bool:
        """Take over an earlier run's facts; False if they are invalid or newer ones are known."""

    def to_json(self) -> Json:
        """Return the value to save; None deletes a saved one."""


Fact = TypeVar("Fact", bound=LearnedFact)


class LearnedFacts(Generic[Fact]):
    """A cache of facts by server and model: loaded once, saved where they changed.

    ``topic`` names them in the memory; ``make`` makes the facts of a model that is new.
    """

    def __init__(self, memory: Memory, topic: str, make: Callable[[], Fact]) -> None:
        self._memory = memory
        self._topic = topic
        self._make = make
        self._facts: dict[ModelKey, Fact] = {}
        self._saved: dict[ModelKey, Json] = {}
        self._changed: set[ModelKey] = set()
        self._is_loaded = False

    def get(self, key: ModelKey) -> Fact:
        """Return the facts about a model; changes to them are saved after ``mark_changed``."""
        return self._facts.setdefault(key, self._make())

    def mark_changed(self, key: ModelKey) -> None:
        """Have the facts about a model saved by the next ``save``."""
        self._changed.add(key)

    async def load(self) -> None:
        """Load the facts of earlier runs; does nothing from the second call on."""
        if self._is_loaded:
            return
        self._is_loaded = True
        for name, value in (await self._memory.recall(self._topic)).items():
            server, _, model = name.partition(" ")
            if model and self.get((server, model)).restore(value):
                self._saved[server, model] = value

    async def save(self) -> None:
        """Save changed facts for later runs."""
        changed, self._changed = self._changed, set()
        for key in changed:
            value = self._facts[key].to_json()
            if self.is_worth_saving(self._saved.get(key), value):
                self._saved[key] = value
                await self._memory.remember(self._topic, " ".join(key), value)

    def is_worth_saving(self, _saved: Json, _value: Json) -> bool:
        """Return whether a changed value is to replace the one saved last (None: no such)."""
        return True
