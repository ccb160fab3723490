"""Small facts that are remembered across runs, in one file of the cache folder.

Losing them costs a request or two, so whatever is wrong with the file, it counts as empty.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path

from chatrepl.core.messages import Json
from chatrepl.services.files.private_files import make_private_folder, replace_private

__all__ = ["FileMemory", "NoMemory"]

_KEPT_S = 30 * 86_400
_MOST_BYTES = 4 << 20
_MOST_FACTS = 2000


class FileMemory:
    """Implements the core's ``Memory``. Facts are forgotten after 30 days: servers change."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def recall(self, topic: str) -> Mapping[str, Json]:
        """Return what is remembered under a topic."""
        facts = (await asyncio.to_thread(self._read)).get(topic)
        if not isinstance(facts, dict):
            return {}
        return {
            key: fact.get("value")
            for key, fact in facts.items()
            if isinstance(fact, dict) and _is_fresh(fact)
        }

    async def remember(self, topic: str, key: str, value: Json) -> None:
        """Remember a fact; ``None`` forgets it."""
        await asyncio.to_thread(self._write, topic, key, value)

    def _read(self) -> dict[str, Json]:
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                return {}
            topics = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return topics if isinstance(topics, dict) else {}

    def _write(self, topic: str, key: str, value: Json) -> None:
        # Read anew: another terminal may have learnt something meanwhile.
        topics = self._read()
        old = topics.get(topic)
        facts: dict[str, Json] = {}
        if isinstance(old, dict):
            facts = {k: fact for k, fact in old.items() if k != key and _is_fresh(fact)}
        if value is not None:
            facts[key] = {"value": value, "learnt": int(time.time())}
        topics[topic] = dict(list(facts.items())[-_MOST_FACTS:])
        try:
            make_private_folder(self._path.parent)
            replace_private(self._path, json.dumps(topics))
        except OSError:
            return


class NoMemory:
    """Remembers nothing: for runs that leave no traces."""

    async def recall(self, _topic: str, /) -> Mapping[str, Json]:
        """Return nothing."""
        return {}

    async def remember(self, _topic: str, _key: str, _value: Json, /) -> None:
        """Let it go."""


def _is_fresh(fact: Json) -> bool:
    if not isinstance(fact, dict):
        return False
    learnt = fact.get("learnt")
    return isinstance(learnt, int) and abs(time.time() - learnt) < _KEPT_S
