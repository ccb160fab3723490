"""Refused parameters: request fields that a server rejects for a model, or names otherwise.

They are cached across runs, so that the first request of a run is right already; a parameter that
is set again is tried again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatrepl.core.errors import ModelError
from chatrepl.core.json_value import Json
from chatrepl.core.ports.remembered import Memory
from chatrepl.core.servers.learned_facts import LearnedFacts, ModelKey
from chatrepl.core.settings.layers import Settings
from chatrepl.core.settings.table import SETTINGS

STREAM = "stream"
COUNT = "n"
"""The request's field for the number of answers."""
_STREAM_OPTIONS = "stream_options"
_TOPIC = "parameters"
_ALWAYS_SENT = frozenset({"model", "messages"})

_PARAMETERS = frozenset(setting.key for setting in SETTINGS if setting.is_parameter)
_LENGTHS = frozenset({"max_tokens", "max_completion_tokens"})


def setting_of(parameter: str) -> str:
    """Return the key of the setting behind a request field."""
    if parameter in _LENGTHS:
        return "max_tokens"
    return parameter if parameter in _PARAMETERS | {STREAM} else f"extra.{parameter}"


def retry_command(parameter: str) -> str:
    """Return the command that has a refused parameter sent again."""
    return "/stream on" if parameter == STREAM else f"/set {setting_of(parameter)} VALUE"


@dataclass(slots=True)
class RefusedParameters:
    """The request fields that one model on one server refuses, and those it names otherwise."""

    left_out: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    """The server's names by ours."""
    most_answers: int | None = None
    """The largest accepted number of answers to one request; None: no limit known, or one."""
    unreported: set[str] = field(default_factory=set)
    """Fields left out since an earlier run, of which the user was not notified in this one."""

    def apply(self, body: Mapping[str, Json]) -> dict[str, Json]:
        """Return a request body as the server accepts it."""
        left_out = self.left_out | ({_STREAM_OPTIONS} if STREAM in self.left_out else set())
        sent = {
            self.renamed.get(key, key): value for key, value in body.items() if key not in left_out
        }
        answers = sent.get(COUNT)
        if self.most_answers is not None and isinstance(answers, int):
            sent[COUNT] = min(answers, self.most_answers)
        return sent

    def record(self, refused: str, replacement: str) -> str:
        """Record a refused field; return the name it is sent by from now on, "" if none."""
        # A server may refuse the new name as well; what the user set is known by the first one.
        first = next((key for key, name in self.renamed.items() if name == refused), refused)
        if replacement and replacement != first and first not in self.renamed:
            self.renamed[first] = replacement
            return replacement
        self.renamed.pop(first, None)
        self.left_out.add(first)
        return ""

    def restore(self, saved: Json) -> bool:
        """Add the fields that were refused in an earlier run; False if the value is invalid."""
        if not isinstance(saved, dict):
            return False
        self.left_out |= set(_names(saved.get("left_out"))) - _ALWAYS_SENT
        self.most_answers = _number(saved.get("most_answers"))
        self.unreported |= self.left_out - {_STREAM_OPTIONS}
        self.unreported |= {COUNT} if self.most_answers else set()
        self.renamed |= _pairs(saved.get("renamed"))
        return True

    def to_json(self) -> Json:
        """Return what ``restore`` reads; None if nothing is refused."""
        value: dict[str, Json] = {"left_out": [*sorted(self.left_out)], "renamed": {**self.renamed}}
        if self.most_answers is not None:
            value["most_answers"] = self.most_answers
        return value if any(value.values()) else None


class AllRefusedParameters(LearnedFacts[RefusedParameters]):
    """The refused parameters of all models on all servers."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory, _TOPIC, RefusedParameters)

    def record(self, key: ModelKey, error: ModelError, body: Mapping[str, Json]) -> str:
        """Record a refused parameter; return what was done about it, "" if nothing can be."""
        name = str(error.details.get("parameter", "")).split(".")[0]
        if name not in body or name in _ALWAYS_SENT:
            return ""
        if name == COUNT:
            return self._record_count(key, error, body)
        replacement = str(error.details.get("replacement", ""))
        # The name of another parameter is no replacement: its values mean something else.
        is_name = replacement not in body and replacement not in _PARAMETERS - _LENGTHS
        sent_as = self.get(key).record(name, replacement if is_name else "")
        self.mark_changed(key)
        if sent_as:
            return f"{key[1]} wants {sent_as} instead of {name}: sending it again so"
        taken = error.details.get("taken")
        refused = f"this {name} (it takes {taken})" if taken else name
        return f"{key[1]} refuses {refused}: sending it again without"

    def _record_count(self, key: ModelKey, error: ModelError, body: Mapping[str, Json]) -> str:
        most, wanted = error.details.get("most"), body[COUNT]
        if isinstance(most, int) and isinstance(wanted, int) and 0 < most < wanted:
            self.record_most_answers(key, most)
        else:
            self.record_most_answers(key, 1)
        if wanted == 1:
            return f"{key[1]} refuses {COUNT}: sending it again without"
        return f"{key[1]} does not give {wanted} answers to one request"

    def record_most_answers(self, key: ModelKey, most: int) -> None:
        """Record the largest number of answers that a model gives to one request."""
        refused = self.get(key)
        if most > 1:
            refused.most_answers = most
        else:
            refused.left_out.add(COUNT)
        self.mark_changed(key)

    def forget(self, key: ModelKey, parameter: str) -> None:
        """Forget that a parameter was refused, as it was set again."""
        if parameter == STREAM:
            # The two are refused and retried together: no setting stands for the options alone.
            self.forget(key, _STREAM_OPTIONS)
        refused = self.get(key)
        is_count = parameter == COUNT and refused.most_answers is not None
        if is_count:
            refused.most_answers = None
        if is_count or parameter in refused.left_out:
            refused.left_out.discard(parameter)
            refused.unreported.discard(parameter)
            self.mark_changed(key)

    def left_out_of(self, key: ModelKey, settings: Settings) -> list[str]:
        """Return the sorted names of parameters that are set but not sent, because refused.

        ``n`` is not among them: several requests bring the answers that one may not.
        """
        return sorted((self.get(key).left_out & _parameters_set(settings)) - {COUNT})

    def take_unreported(self, key: ModelKey, settings: Settings) -> list[str]:
        """Return the sorted names of set parameters left out since an earlier run, each once."""
        refused = self.get(key)
        names = sorted(refused.unreported & _parameters_set(settings))
        refused.unreported -= set(names)
        return names


def _parameters_set(settings: Settings) -> set[str]:
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
