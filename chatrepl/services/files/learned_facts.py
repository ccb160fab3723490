"""The cache of learned facts: one JSON file in the cache folder.

Losing it costs a request or two, so a file that is damaged in any way counts as empty.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path

from chatrepl.core.json_value import Json
from chatrepl.services.files.private_files import make_private_folder, replace_private

_MAX_AGE_S = 30 * 86_400
_MAX_BYTES = 4 << 20
_MAX_FACTS = 2000
"""By topic; the oldest are dropped."""


class FileMemory:
    """A ``Memory`` in a file. Facts expire after 30 days, as servers change."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def recall(self, topic: str) -> Mapping[str, Json]:
        """Return a topic's facts by their keys."""
        topics = await asyncio.to_thread(self._read)
        return {key: fact.get("value") for key, fact in _fresh_facts(topics.get(topic)).items()}

    async def remember(self, topic: str, key: str, value: Json) -> None:
        """Store a fact; None deletes it."""
        await asyncio.to_thread(self._write, topic, key, value)

    def _read(self) -> dict[str, Json]:
        try:
            if self._path.stat().st_size > _MAX_BYTES:
                return {}
            topics = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return topics if isinstance(topics, dict) else {}

    def _write(self, topic: str, key: str, value: Json) -> None:
        # Read again, as another process may have added facts meanwhile.
        topics = self._read()
        facts = _fresh_facts(topics.get(topic))
        # A changed fact moves to the end, as the newest.
        facts.pop(key, None)
        if value is not None:
            facts[key] = {"value": value, "learnt": int(time.time())}
        topics[topic] = dict(list(facts.items())[-_MAX_FACTS:])
        try:
            make_private_folder(self._path.parent)
            replace_private(self._path, json.dumps(topics))
        except OSError:
            return


class NoMemory:
    """A ``Memory`` that stores nothing, for runs that leave no traces."""

    async def recall(self, _topic: str, /) -> Mapping[str, Json]:
        """Return no facts."""
        return {}

    async def remember(self, _topic: str, _key: str, _value: Json, /) -> None:
        """Do nothing."""


def _fresh_facts(facts: Json) -> dict[str, dict[str, Json]]:
    """Return the valid facts of a topic that have not expired."""
    fresh: dict[str, dict[str, Json]] = {}
    for key, fact in facts.items() if isinstance(facts, dict) else ():
        if isinstance(fact, dict):
            learnt = fact.get("learnt")
            if isinstance(learnt, int) and abs(time.time() - learnt) < _MAX_AGE_S:
                fresh[key] = fact
    return fresh
