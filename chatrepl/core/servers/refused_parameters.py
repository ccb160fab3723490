"""What servers taught about their models: which parameters they refuse, or call otherwise.

What was learnt is kept across runs for a while, so the first request of a run is right already; a
parameter that is set anew is tried anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatrepl.core.errors import ModelError
from chatrepl.core.messages import Json
from chatrepl.core.ports.remembered import Memory
from chatrepl.core.settings.layers import Settings
from chatrepl.core.settings.table import SETTINGS

__all__ = ["COUNT", "STREAM", "Refusals", "Refused", "how_to_try", "setting_of"]

STREAM = "stream"
COUNT = "n"
"""The request's field for the number of answers."""
_TOPIC = "parameters"
_ALWAYS_SENT = frozenset({"model", "messages"})

_PARAMETERS = frozenset(setting.key for setting in SETTINGS if setting.is_parameter)
_LENGTHS = frozenset({"max_tokens", "max_completion_tokens"})

Key = tuple[str, str]
"""A server's base URL, and a model on it."""


def setting_of(parameter: str) -> str:
    """Name the setting behind a field of the request."""
    if parameter in _LENGTHS:
        return "max_tokens"
    return parameter if parameter in _PARAMETERS | {STREAM} else f"extra.{parameter}"


def how_to_try(parameter: str) -> str:
    """Say what sends a refused parameter again."""
    return "/stream on" if parameter == STREAM else f"/set {setting_of(parameter)} VALUE"


@dataclass(slots=True)
class Refused:
    """What a server does not take for one of its models, and what it calls otherwise."""

    left_out: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    most_answers: int | None = None
    """The largest number of answers to one request that it takes, where that is above one."""
    untold: set[str] = field(default_factory=set)
    """Left out since an earlier run, which this run's user was not told yet."""

    def apply(self, body: Mapping[str, Json]) -> dict[str, Json]:
        """Return the body as the server takes it."""
        left_out = self.left_out | ({"stream_options"} if "stream" in self.left_out else set())
        sent = {
            self.renamed.get(key, key): value for key, value in body.items() if key not in left_out
        }
        wanted = sent.get(COUNT)
        if self.most_answers is not None and isinstance(wanted, int):
            sent[COUNT] = min(wanted, self.most_answers)
        return sent

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
                refused.most_answers = _number(value.get("most_answers"))
                refused.untold |= refused.left_out - {"stream_options"}
                refused.untold |= {COUNT} if refused.most_answers else set()
                refused.renamed |= _pairs(value.get("renamed"))

    async def keep(self) -> None:
        """Write what is new for later runs."""
        changed, self._changed = self._changed, set()
        for key in changed:
            refused = self._refused[key]
            value: dict[str, Json] = {
                "left_out": [*sorted(refused.left_out)],
                "renamed": {**refused.renamed},
            }
            if refused.most_answers is not None:
                value["most_answers"] = refused.most_answers
            is_empty = not any(value.values())
            await self._memory.remember(_TOPIC, " ".join(key), None if is_empty else value)

    def learn(self, key: Key, error: ModelError, body: Mapping[str, Json]) -> str:
        """Take in a refused parameter; return what was done in words, "": nothing can be."""
        name = str(error.details.get("parameter", "")).split(".")[0]
        if name not in body or name in _ALWAYS_SENT:
            return ""
        if name == COUNT:
            return self._learn_count(key, error, body)
        replacement = str(error.details.get("replacement", ""))
        # A parameter of its own is no other name: its values mean something else.
        is_name = replacement not in body and replacement not in _PARAMETERS - _LENGTHS
        now = self.about(*key).learn(name, replacement if is_name else "")
        self._changed.add(key)
        if now:
            return f"{key[1]} wants {now} instead of {name}: sending it again so"
        taken = error.details.get("taken")
        refused = f"this {name} (it takes {taken})" if taken else name
        return f"{key[1]} refuses {refused}: sending it again without"

    def _learn_count(self, key: Key, error: ModelError, body: Mapping[str, Json]) -> str:
        most, wanted = error.details.get("most"), body[COUNT]
        if isinstance(most, int) and isinstance(wanted, int) and 0 < most < wanted:
            self.record_most_answers(key, most)
        else:
            self.record_most_answers(key, 1)
        if wanted == 1:
            return f"{key[1]} refuses {COUNT}: sending it again without"
        return f"{key[1]} does not give {wanted} answers to one request"

    def record_most_answers(self, key: Key, most: int) -> None:
        """Remember how many answers to one request a model gives, refused or not."""
        refused = self.about(*key)
        if most > 1:
            refused.most_answers = most
        else:
            refused.left_out.add(COUNT)
        self._changed.add(key)

    def forget(self, key: Key, parameter: str) -> None:
        """Try a parameter anew: it was set anew."""
        if parameter == STREAM:
            # They are refused and tried together: no setting stands for the options alone.
            self.forget(key, "stream_options")
        refused = self.about(*key)
        is_count = parameter == COUNT and refused.most_answers is not None
        if is_count:
            refused.most_answers = None
        if is_count or parameter in refused.left_out:
            refused.left_out.discard(parameter)
            refused.untold.discard(parameter)
            self._changed.add(key)

    def left_out_of(self, key: Key, settings: Settings) -> list[str]:
        """Name what is set and is not sent to a model, because it refused it.

        Not ``n``: what one request may not ask for is asked for by several.
        """
        return sorted((self.about(*key).left_out & _wanted(settings)) - {COUNT})

    def take_untold(self, key: Key, settings: Settings) -> list[str]:
        """Name what is set and is left out since an earlier run; each once."""
        refused = self.about(*key)
        told = sorted(refused.untold & _wanted(settings))
        refused.untold -= set(told)
        return told


def _wanted(settings: Settings) -> set[str]:
    stream = {STREAM} if settings.is_on(STREAM) else set()
    return settings.parameters().keys() | stream


def _names(value: Json) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _number(value: Json) -> int | None:
    return value if type(value) is int and value > 1 else None


def _pairs(value: Json) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key: name for key, name in value.items() if isinstance(name, str)}
