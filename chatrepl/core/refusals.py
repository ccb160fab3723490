"""What servers taught about their models: which parameters they refuse, or call otherwise.

What was learnt is kept across runs for a while, so the first request of a run is right already; a
parameter that is set anew is tried anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatrepl.core.errors import ModelError
from chatrepl.core.messages import Json
from chatrepl.core.own_files import Memory

__all__ = ["Refusals", "Refused"]

_TOPIC = "parameters"
_ALWAYS_SENT = frozenset({"model", "messages"})

Key = tuple[str, str]
"""A server's base URL, and a model on it."""


@dataclass(slots=True)
class Refused:
    """What a server does not take for one of its models, and what it calls otherwise."""

    left_out: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    untold: set[str] = field(default_factory=set)
    """Left out since an earlier run, which this run's user was not told yet."""

    def apply(self, body: Mapping[str, Json]) -> dict[str, Json]:
        """Return the body as the server takes it."""
        left_out = self.left_out | ({"stream_options"} if "stream" in self.left_out else set())
        return {
            self.renamed.get(key, key): value for key, value in body.items() if key not in left_out
        }

    def learn(self, refused: str, replacement: str) -> str:
        """Take in that a field was refused; return the name it is sent by now, "": none."""
        # A server may refuse the new name as well; what the user set is known by the first one.
        first = next((key for key, name in self.renamed.items() if name == refused), refused)
        if replacement and replacement != first and first not in self.renamed:
            self.renamed[first] = replacement
            return replacement
        self.renamed.pop(first, None)
        self.left_out.add(first)
        return ""


class Refusals:
    """All that was refused, by server and model."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._refused: dict[Key, Refused] = {}
        self._changed: set[Key] = set()
        self._is_recalled = False

    def about(self, server: str, model: str) -> Refused:
        """Return what is known of a model on a server."""
        return self._refused.setdefault((server, model), Refused())

    async def recall(self) -> None:
        """Read what earlier runs learnt; at once from the second call on."""
        if self._is_recalled:
            return
        self._is_recalled = True
        for name, value in (await self._memory.recall(_TOPIC)).items():
            server, _, model = name.partition(" ")
            if isinstance(value, dict) and model:
                refused = self.about(server, model)
                refused.left_out |= set(_names(value.get("left_out"))) - _ALWAYS_SENT
                refused.untold |= refused.left_out - {"stream_options"}
                refused.renamed |= _pairs(value.get("renamed"))

    async def keep(self) -> None:
        """Write what is new for later runs."""
        changed, self._changed = self._changed, set()
        for key in changed:
            refused = self._refused[key]
            value: Json = {"left_out": [*sorted(refused.left_out)], "renamed": {**refused.renamed}}
            is_empty = not refused.left_out and not refused.renamed
            await self._memory.remember(_TOPIC, " ".join(key), None if is_empty else value)

    def learn(self, key: Key, error: ModelError, body: Mapping[str, Json]) -> str:
        """Take in a refused parameter; return what was done in words, "": nothing can be."""
        name = str(error.details.get("parameter", "")).split(".")[0]
        if name not in body or name in _ALWAYS_SENT:
            return ""
        replacement = error.details.get("replacement")
        wanted = replacement if isinstance(replacement, str) and replacement not in body else ""
        now = self.about(*key).learn(name, wanted)
        self._changed.add(key)
        if now:
            return f"{key[1]} wants {now} instead of {name}: sending it again so"
        return f"{key[1]} refuses {name}: sending it again without"

    def learn_left_out(self, key: Key, parameter: str) -> None:
        """Leave a parameter out from now on, though the server did not refuse it."""
        self.about(*key).left_out.add(parameter)
        self._changed.add(key)

    def forget(self, key: Key, parameter: str) -> None:
        """Try a parameter anew: it was set anew."""
        refused = self.about(*key)
        if parameter in refused.left_out:
            refused.left_out.discard(parameter)
            refused.untold.discard(parameter)
            self._changed.add(key)

    def take_untold(self, key: Key, parameters: Mapping[str, Json]) -> list[str]:
        """Name the set parameters that are left out since an earlier run; each once."""
        refused = self.about(*key)
        told = sorted(refused.untold & parameters.keys())
        refused.untold -= set(told)
        return told


def _names(value: Json) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _pairs(value: Json) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key: name for key, name in value.items() if isinstance(name, str)}
