"""Layers of setting values, and the resolution of the value in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.settings.table import EXTRA, SETTINGS, find_setting

_ROLE = "role"
"""Key of the role among a session's stored settings."""


class Layer(IntEnum):
    """Source of a value; the smallest layer with a value wins."""

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
    """Value in force of a setting."""

    value: Json
    origin: str
    """Name of its source, for the user."""
    layer: Layer


@dataclass(frozen=True, slots=True)
class _Values:
    values: Mapping[str, Json]
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Values by layer; immutable, so changes return a new object."""

    layers: Mapping[Layer, _Values] = field(default_factory=dict)

    def with_layer(self, layer: Layer, values: Mapping[str, Json], origin: str) -> "Settings":
        """Replace a layer; ``origin`` names it for the user. A ``None`` resets to the default.

        Raises ``UsageError`` for an unknown key or a value that its kind refuses.
        """
        checked = {
            key: value if value is None else find_setting(key).kind.check(value)
            for key, value in values.items()
        }
        return replace(self, layers={**self.layers, layer: _Values(checked, origin)})

    def with_value(self, layer: Layer, key: str, value: Json) -> "Settings":
        """Set one value, which is not checked, in a layer; ``None`` resets to the default."""
        old = self.layers.get(layer, _Values({}, layer.name.lower()))
        values = _Values({**old.values, find_setting(key).key: value}, old.origin)
        return replace(self, layers={**self.layers, layer: values})

    def without(self, key: str, *layers: Layer) -> "Settings":
        """Remove a key from layers, so that lower layers decide its value."""
        changed = {
            layer: replace(old, values={k: v for k, v in old.values.items() if k != key})
            for layer, old in self.layers.items()
            if layer in layers
        }
        return replace(self, layers={**self.layers, **changed})

    def values_of(self, layer: Layer) -> Mapping[str, Json]:
        """Return the values of one layer, by key."""
        return self.layers[layer].values if layer in self.layers else {}

    def origin_of(self, layer: Layer) -> str:
        """Return the name of a layer for the user."""
        return self.layers[layer].origin if layer in self.layers else layer.name.lower()

    def resolve(self, key: str) -> Resolved:
        """Return the value in force: that of the smallest layer that has the key."""
        setting = find_setting(key)
        for layer in sorted(self.layers):
            values = self.layers[layer]
            if setting.key in values.values:
                value = values.values[setting.key]
                return Resolved(setting.default if value is None else value, values.origin, layer)
        return Resolved(setting.default, "default", Layer.DEFAULT)

    def get(self, key: str) -> Json:
        """Return the value in force; ``None`` if there is none."""
        return self.resolve(key).value

    def text(self, key: str) -> str | None:
        """Return a text in force; ``None`` if it is unset or empty."""
        value = self.get(key)
        return value if isinstance(value, str) and value else None

    def integer(self, key: str) -> int | None:
        """Return a whole number in force; ``None`` if it is unset."""
        value = self.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def is_on(self, key: str) -> bool:
        """Return whether a switch is on."""
        return self.get(key) is True

    def parameters(self) -> dict[str, Json]:
        """Return the request's parameters that are set, in the table's order, then extra fields."""
        keys = [setting.key for setting in SETTINGS if setting.is_parameter]
        values = {key.removeprefix(EXTRA): self.get(key) for key in (*keys, *self.extra_keys())}
        return {key: value for key, value in values.items() if value is not None}

    def extra_keys(self) -> list[str]:
        """Return the ``extra.KEY`` settings of all layers, sorted."""
        keys = {key for layer in self.layers.values() for key in layer.values}
        return sorted(key for key in keys if key.startswith(EXTRA))

    def for_session(self) -> dict[str, Json]:
        """Return the values to store with the session: its own, commands' values, and the role."""
        own = {**self.values_of(Layer.SESSION), **self.values_of(Layer.COMMAND)}
        values = {key: value for key, value in own.items() if find_setting(key).in_session}
        role = self.values_of(Layer.ROLE)
        if role:
            # With all values: the role's file may change, or be missing on another machine.
            values[_ROLE] = {"name": self.role_name(), "values": {**role}}
        return values

    def role_name(self) -> str | None:
        """Return the name of the role in use, if there is one."""
        return self.origin_of(Layer.ROLE).partition(" ")[2] if self.values_of(Layer.ROLE) else None

    def for_other_session(self, stored: Mapping[str, Json]) -> "Settings":
        """Load another session's stored values, unusable ones left out.

        Of the commands' values, those that hold for the whole run stay.
        """
        run = {
            key: value
            for key, value in self.values_of(Layer.COMMAND).items()
            if not find_setting(key).in_session
        }
        stored_role = stored.get(_ROLE)
        role = stored_role if isinstance(stored_role, dict) else {}
        role_name, role_values = role.get("name"), role.get("values")
        return (
            self.with_layer(Layer.COMMAND, run, "command")
            .with_layer(Layer.SESSION, _usable(stored), "session")
            .with_layer(
                Layer.ROLE,
                _usable(role_values) if isinstance(role_values, dict) else {},
                f"role {role_name or 'unnamed'}",
            )
        )


def _usable(stored: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in stored.items() if _is_usable(key, value)}


def _is_usable(key: str, value: Json) -> bool:
    """Return whether a stored value is valid: an imported session may hold anything."""
    try:
        setting = find_setting(key)
        if value is not None:
            setting.kind.check(value)
    except UsageError:
        return False
    return setting.in_session
