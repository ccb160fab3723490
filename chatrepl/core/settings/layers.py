"""The layers that values of settings come from, and the value in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.settings.table import EXTRA, SETTINGS, find_setting

__all__ = ["Layer", "Resolved", "Settings"]

_ROLE = "role"
"""Under this name a session keeps its role beside its settings."""


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
            found[key.removeprefix(EXTRA)] = self.get(key)
        return {key: value for key, value in found.items() if value is not None}

    def extra_keys(self) -> list[str]:
        """List the ``extra.KEY`` settings that any layer names."""
        names = {key for values in self.layers.values() for key in values.values}
        return sorted(key for key in names if key.startswith(EXTRA))

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
