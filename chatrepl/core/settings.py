"""The one table of settings, and the layers their values come from.

A row makes the slash-command, the command-line option, the configuration key, the completion, the
help and the reference page of a setting. A parameter that nobody set is not sent.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.kinds import (
    AnyJson,
    Bias,
    Choice,
    Examples,
    Format,
    Integer,
    Kind,
    Number,
    Switch,
    Text,
    Words,
)

__all__ = ["SETTINGS", "Layer", "Resolved", "Setting", "Settings", "find_setting", "nearest"]


class Layer(IntEnum):
    """Where a value can come from; a smaller one wins."""

    COMMAND = 0
    OPTION = 1
    SESSION = 2
    ROLE = 3
    PROFILE = 4
    ENVIRONMENT = 5
    FILE = 6
    DEFAULT = 7


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    key: str
    kind: Kind
    help: str
    default: Json = None
    """``None``: unset."""
    is_parameter: bool = False
    """Travels in the request body under its key."""
    in_session: bool = True
    """Set by a command, it is kept with the session (others hold for the run)."""
    options: tuple[str, ...] = ()
    """Command-line options that set it."""
    unset_text: str = "not set"
    """What holds where no value is set."""
    has_command: bool = True
    """Has a slash-command of its own (all can be set by ``/set``)."""


def _parameter(key: str, kind: Kind, help_text: str, *short: str) -> Setting:
    option = "--" + key.replace("_", "-")
    return Setting(
        key,
        kind,
        help_text,
        is_parameter=True,
        options=(*short, option),
        unset_text="not set: the server's default holds",
    )


_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "model",
        Text("NAME"),
        "the model that answers",
        options=("-m", "--model"),
        unset_text="not set: gpt-4.1-mini at OpenAI, elsewhere the first that the server lists",
    ),
    Setting(
        "system",
        Text(),
        "the system role: what the model is told before everything else",
        options=("-s", "--system"),
    ),
    Setting(
        "reminder",
        Text(),
        "text added to each message when it is sent, never stored in it",
    ),
    Setting(
        "system_form",
        Choice(("system", "developer", "user")),
        "how the system role goes: under that role, or inside the first user message",
        default="system",
        has_command=False,
    ),
    Setting(
        "examples",
        Examples(),
        "example messages that open the conversation, as a role has them",
        has_command=False,
    ),
    _parameter("temperature", Number(0, 2), "randomness: 0 repeats itself, 2 is wild", "-t"),
    _parameter("top_p", Number(0, 1), "choose among the likeliest words that sum to this"),
    _parameter("max_tokens", Integer(1), "the longest answer, in tokens"),
    _parameter("presence_penalty", Number(-2, 2), "above 0: new topics; below 0: stay on topic"),
    _parameter("frequency_penalty", Number(-2, 2), "above 0: repeat words less; below 0: more"),
    _parameter("stop", Words(4), "texts that end the answer"),
    _parameter("n", Integer(1, 8), "how many answers to ask for; /pick chooses among them"),
    _parameter("seed", Integer(), "the same seed asks for the same answer"),
    _parameter("logit_bias", Bias(), "make words, or single tokens, likelier or unlikelier"),
    _parameter("logprobs", Switch(), "ask how sure the model was of each word; show: see it"),
    _parameter("top_logprobs", Integer(0, 20), "with logprobs: the likeliest other words, too"),
    _parameter("reasoning_effort", Choice(_EFFORTS, open=True), "how long the model thinks"),
    _parameter("verbosity", Choice(("low", "medium", "high")), "how long answers are"),
    _parameter("response_format", Format(), "plain text, or JSON"),
    _parameter(
        "service_tier",
        Choice(("auto", "default", "flex", "priority"), open=True),
        "how the server queues and bills the request",
    ),
    _parameter("user", Text("ID"), "an id of the end user, for the server's abuse checks"),
    Setting(
        "budget",
        Integer(1),
        "tokens that one request may use, answer included",
        options=("--budget",),
        unset_text="not set: the model's context window",
    ),
    Setting(
        "reserve",
        Integer(0),
        "tokens of the budget kept for the answer",
        options=("--reserve",),
        unset_text="not set: max_tokens, else the smaller of 4096 and a quarter of the window",
    ),
    Setting(
        "context_window",
        Integer(256),
        "the model's context window in tokens, where it is not known",
        has_command=False,
        unset_text="not set: as the server or the price list says",
    ),
    Setting(
        "stream",
        Switch(),
        "show the answer while it comes",
        default=True,
        in_session=False,
    ),
    Setting(
        "markdown",
        Switch(),
        "render answers as Markdown",
        default=True,
        in_session=False,
    ),
    Setting(
        "theme",
        Choice(("auto", "dark", "light")),
        "colours for a dark or a light terminal; auto asks the terminal",
        default="auto",
        in_session=False,
        options=("--theme",),
    ),
    Setting(
        "thinking",
        Switch(("show", "hide")),
        "show a model's reasoning",
        default=True,
        in_session=False,
    ),
    Setting(
        "multiline",
        Switch(),
        "Enter makes a new line, Alt+Enter sends",
        default=False,
        in_session=False,
    ),
    Setting("vi", Switch(), "vi keys in the input line", default=False, in_session=False),
    Setting(
        "on_overflow",
        Choice(("drop", "compact", "ask")),
        "what happens to the oldest turns when the budget is full",
        default="drop",
        has_command=False,
    ),
    Setting(
        "spending_limit",
        Number(0, 1_000_000, "DOLLARS"),
        "dollars a day; going over is asked first",
        in_session=False,
        has_command=False,
        unset_text="not set: no limit",
    ),
)

_BY_KEY: Mapping[str, Setting] = {setting.key: setting for setting in SETTINGS}
_EXTRA = "extra."
_FIELDS = {"model": "model", "max_completion_tokens": "max_tokens", "stream": "stream"}
"""Fields of the request that settings of other names, or no parameters, stand behind."""
_WRITTEN = ("messages", "stream_options")
_ROLE = "role"
"""Under this name a session keeps its role beside its settings."""


def nearest(word: str, names: Iterable[str]) -> str:
    """Return a hint that names what the word may have meant, or an empty one."""

    def likeness(name: str) -> float:
        pairs = enumerate(zip(word, name, strict=False))
        shorter = min(len(word), len(name))
        same = next((at for at, (typed, meant) in pairs if typed != meant), shorter)
        # Whoever mistypes mostly begins well.
        return difflib.SequenceMatcher(None, word, name).ratio() + 0.08 * same

    alike = sorted(set(names), key=likeness, reverse=True)[:3]
    close = [name for name in alike if likeness(name) >= 0.7]
    return f"did you mean {' or '.join(close)}?" if close else ""


def find_setting(key: str) -> Setting:
    """Return the row of a key, or one made for ``extra.KEY``. Unknown: ``UsageError``."""
    plain = key.replace("-", "_")
    if plain in _BY_KEY:
        return _BY_KEY[plain]
    if key.startswith(_EXTRA) and len(key) > len(_EXTRA):
        _refuse_own(key.removeprefix(_EXTRA))
        return Setting(
            key, AnyJson(), "a field of the request that this server knows", has_command=False
        )
    raise UsageError(
        f"there is no setting “{key}”",
        nearest(plain, tuple(_BY_KEY)) or "/set lists all; extra.KEY is a server's own",
    )


def _refuse_own(field: str) -> None:
    """Keep the fields that this program writes itself from being replaced behind its back."""
    own = _FIELDS.get(field, field)
    if own in _BY_KEY and (_BY_KEY[own].is_parameter or own in _FIELDS.values()):
        option = _BY_KEY[own].options[-1:]
        how = " or ".join([*option, f"/set {own}"])
        raise UsageError(f"{field} is no extra field: it is the setting {own}", how)
    if field in _WRITTEN:
        raise UsageError(f"{field} is no extra field: chatrepl writes it", "/request shows it")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A setting's value in force, and where it came from in words."""

    value: Json
    origin: str
    layer: Layer


@dataclass(frozen=True, slots=True)
class _Values:
    values: Mapping[str, Json]
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Values by layer. Changes return a new object."""

    layers: Mapping[Layer, _Values] = field(default_factory=dict)

    def with_layer(self, layer: Layer, values: Mapping[str, Json], origin: str) -> "Settings":
        """Replace a layer; ``origin`` names it in words. Values are checked. A ``None`` unsets."""
        checked = {
            key: value if value is None else find_setting(key).kind.check(value)
            for key, value in values.items()
        }
        return replace(self, layers={**self.layers, layer: _Values(checked, origin)})

    def with_value(self, layer: Layer, key: str, value: Json) -> "Settings":
        """Set one value in a layer."""
        old = self.layers.get(layer, _Values({}, layer.name.lower()))
        values = _Values({**old.values, find_setting(key).key: value}, old.origin)
        return replace(self, layers={**self.layers, layer: values})

    def without(self, key: str, *layers: Layer) -> "Settings":
        """Take a key out of layers, so that it is neither set nor unset there."""
        kept = {
            layer: _Values({k: v for k, v in old.values.items() if k != key}, old.origin)
            if layer in layers
            else old
            for layer, old in self.layers.items()
        }
        return replace(self, layers=kept)

    def values_of(self, layer: Layer) -> Mapping[str, Json]:
        """Return what one layer sets."""
        return self.layers[layer].values if layer in self.layers else {}

    def origin_of(self, layer: Layer) -> str:
        """Name a layer in words."""
        return self.layers[layer].origin if layer in self.layers else layer.name.lower()

    def resolve(self, key: str) -> Resolved:
        """Return the value in force: that of the first layer that says anything about the key."""
        setting = find_setting(key)
        for layer in sorted(self.layers):
            values = self.layers[layer]
            if setting.key in values.values:
                value = values.values[setting.key]
                return Resolved(setting.default if value is None else value, values.origin, layer)
        return Resolved(setting.default, "default", Layer.DEFAULT)

    def get(self, key: str) -> Json:
        """Return the value in force; ``None``: unset."""
        return self.resolve(key).value

    def text(self, key: str) -> str | None:
        """Return a text setting; empty counts as unset."""
        value = self.get(key)
        return value if isinstance(value, str) and value else None

    def integer(self, key: str) -> int | None:
        """Return a whole-number setting."""
        value = self.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def is_on(self, key: str) -> bool:
        """Say whether a switch is on."""
        return self.get(key) is True

    def parameters(self) -> dict[str, Json]:
        """Collect the parameters that are set, in the table's order, then a server's own."""
        wanted = [setting.key for setting in SETTINGS if setting.is_parameter]
        found = {key: self.get(key) for key in wanted}
        for key in self.extra_keys():
            found[key.removeprefix(_EXTRA)] = self.get(key)
        return {key: value for key, value in found.items() if value is not None}

    def extra_keys(self) -> list[str]:
        """List the ``extra.KEY`` settings that any layer names."""
        names = {key for values in self.layers.values() for key in values.values}
        return sorted(key for key in names if key.startswith(_EXTRA))

    def for_session(self) -> dict[str, Json]:
        """Collect what is kept with the session: what commands set, over what it already kept."""
        kept = {**self.values_of(Layer.SESSION), **self.values_of(Layer.COMMAND)}
        values = {key: value for key, value in kept.items() if find_setting(key).in_session}
        role = self.values_of(Layer.ROLE)
        if role:
            # All of it: the role's file may change, or not be there on the next machine.
            values[_ROLE] = {"name": self.role_name(), "values": {**role}}
        return values

    def role_name(self) -> str | None:
        """Name the role in force."""
        return self.origin_of(Layer.ROLE).partition(" ")[2] if self.values_of(Layer.ROLE) else None

    def for_other_session(self, stored: Mapping[str, Json]) -> "Settings":
        """Take another session's stored values; commands keep what holds for the whole run."""
        run = {
            key: value
            for key, value in self.values_of(Layer.COMMAND).items()
            if not find_setting(key).in_session
        }
        known = {key: value for key, value in stored.items() if _is_usable(key, value)}
        settings = self.with_layer(Layer.COMMAND, run, "command").with_layer(
            Layer.SESSION, known, "session"
        )
        role = stored.get(_ROLE)
        name = role.get("name") if isinstance(role, dict) else None
        values = role.get("values") if isinstance(role, dict) else None
        valid = values if isinstance(values, dict) else {}
        return settings.with_layer(
            Layer.ROLE,
            {key: value for key, value in valid.items() if _is_usable(key, value)},
            f"role {name or 'unnamed'}",
        )


def _is_usable(key: str, value: Json) -> bool:
    """Tell whether a stored value can be used: a session may come from anywhere."""
    try:
        setting = find_setting(key)
        if value is not None:
            setting.kind.check(value)
    except UsageError:
        return False
    return setting.in_session
