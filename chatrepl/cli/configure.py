"""Combine the layers of settings, and choose the one server, with its key, that they name."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatrepl.cli.arguments import Options
from chatrepl.core.errors import UsageError, about_key
from chatrepl.core.json_value import Json
from chatrepl.core.ports.chat_model import Price, Secret, Server
from chatrepl.core.servers.addresses import OPENAI_URL, check_base_url, check_key
from chatrepl.core.servers.selection import ServerChoice, is_local_profile
from chatrepl.core.settings.layers import Layer, Settings
from chatrepl.core.settings.response_format import FORMAT_KEY, format_of_schema, names_schema_file
from chatrepl.core.settings.table import SETTINGS, find_setting
from chatrepl.core.text.quoting import nearest
from chatrepl.core.text.toml import setting_fields
from chatrepl.services.files.configuration import Configuration
from chatrepl.services.files.user_files import UserFiles
from chatrepl.services.system.api_keys import key_from

_PRICES = "prices"
_KEY_FIELDS = ("api_key_env", "api_key_cmd", "api_key_keyring")
_TEXT_FIELDS = ("base_url", "organization", "project", "azure_api_version", *_KEY_FIELDS)
_TABLE_FIELDS = ("headers", "query")
_PRICE_FIELDS = ("prompt", "completion", "cached", "reasoning")
_OPENAI_FIELDS = ("organization", "project", *_TABLE_FIELDS)
_SERVER_FIELDS = (*_TEXT_FIELDS, *_TABLE_FIELDS, "timeout_s")
"""The keys for a server, in a profile or at the configuration's top level."""


def choose_profile(
    options: Options, environment: Mapping[str, str], configuration: Configuration
) -> str | None:
    """Return the profile's name: by option, else ``CHATREPL_PROFILE``.

    None: no profile is selected, or the name means the built-in model.
    """
    name = _named_profile(options, environment)
    if name is None or is_local_profile(name, list(configuration.profiles)):
        return None
    find_profile(name, configuration)
    return name


def chooses_local(
    options: Options, environment: Mapping[str, str], configuration: Configuration
) -> bool:
    """Return whether the built-in model is selected: by its options, or as a profile."""
    if options.local or options.gguf is not None:
        return True
    name = _named_profile(options, environment)
    if name is None or (options.base_url and not options.profile):
        return False
    return is_local_profile(name, list(configuration.profiles))


def choice_by_options(options: Options, configuration: Configuration) -> ServerChoice:
    """Return how the options choose the server; ``CHATREPL_PROFILE`` is not one of them."""
    profile, profiles = options.profile or "", configuration.profiles
    is_local = options.local or options.gguf is not None or is_local_profile(profile, [*profiles])
    is_named = is_local or bool(options.base_url) or names_server(profiles.get(profile, {}))
    return ServerChoice(is_named or bool(profile), is_named, options.allow_server_change)


def _named_profile(options: Options, environment: Mapping[str, str]) -> str | None:
    return options.profile or environment.get("CHATREPL_PROFILE") or None


def find_profile(name: str, configuration: Configuration) -> Mapping[str, Json]:
    """Return a profile's table. Raises ``UsageError`` for an unknown name."""
    if name not in configuration.profiles:
        raise UsageError(
            f"there is no profile “{name}” in {configuration.path}",
            nearest(name, list(configuration.profiles)) or f"add [profiles.{name}] there",
        )
    return configuration.profiles[name]


def names_server(fields: Mapping[str, Json]) -> bool:
    """Return whether a table names a server, or a key, which then is for OpenAI's server."""
    return any(fields.get(name) for name in ("base_url", *_KEY_FIELDS))


def combine_settings(
    options: Options,
    environment: Mapping[str, str],
    configuration: Configuration,
    profile: str | None,
) -> Settings:
    """Check every layer and combine them. Raises ``UsageError`` that names file and line."""
    values = checked_values(configuration, None)
    settings = Settings().with_layer(Layer.FILE, values, "configuration")
    for name in configuration.profiles:
        values = checked_values(configuration, name)
        if name == profile:
            settings = settings.with_layer(Layer.PROFILE, values, f"profile {name}")
    model = environment.get("CHATREPL_MODEL", "").strip()
    if model:
        settings = settings.with_layer(Layer.ENVIRONMENT, {"model": model}, "CHATREPL_MODEL")
    return settings.with_layer(Layer.OPTION, options.settings, "option")


def checked_values(configuration: Configuration, profile: str | None) -> dict[str, Json]:
    """Return a table's settings, checked; its server keys are checked too, but left out."""
    table = configuration.values if profile is None else configuration.profiles[profile]
    values: dict[str, Json] = {}
    for key, value in setting_fields(table):
        try:
            if key[0] == _PRICES and profile is None:
                continue
            if key[0] in _SERVER_FIELDS:
                _check_server_field(key[0], value)
            else:
                setting = find_setting(".".join(key) if key[1:] else _known_key(key[0]))
                is_form = setting.key == FORMAT_KEY
                form = _with_schema(configuration.path, value) if is_form else value
                values[setting.key] = setting.kind.check(form)
        except UsageError as error:
            raise _placed(error, configuration, profile, key) from None
    return values


def _placed(
    error: UsageError, configuration: Configuration, profile: str | None, key: Sequence[str]
) -> UsageError:
    """Put file and line before an error about a key's value."""
    place = _place(configuration, profile, *key)
    return UsageError(f"{place}: {about_key(key[-1], error.message)}", error.hint)


def _place(configuration: Configuration, profile: str | None, *key: str) -> str:
    line = configuration.line_of(profile, *key)
    return f"{configuration.path}, line {line}" if line else str(configuration.path)


def _with_schema(path: Path, value: Json) -> Json:
    """Read a schema file, relative to the configuration's folder; keep any other value."""
    if not isinstance(value, str) or not names_schema_file(value):
        return value
    schema = path.parent / Path(value.strip()).expanduser()
    return format_of_schema(UserFiles.read_now(str(schema)), str(schema))


def _known_key(key: str) -> str:
    if key == "extra":
        raise UsageError("extra is not a table", "write [extra], or extra.NAME = VALUE")
    names = [*(setting.key for setting in SETTINGS), *_SERVER_FIELDS, _PRICES]
    if key.startswith("api_key") or key in ("key", "apikey", "openai_api_key"):
        raise UsageError(
            f"unknown key “{key}”",
            'keys don\'t belong in this file: name a variable by api_key_env = "NAME", '
            "or a command by api_key_cmd",
        )
    if key not in names:
        raise UsageError(
            f"unknown key “{key}”",
            nearest(key, names) or "the known ones: " + ", ".join(sorted(names)),
        )
    return key


def _check_server_field(key: str, value: Json) -> None:
    if key in _TEXT_FIELDS and not isinstance(value, str):
        raise UsageError(f"{key} is not text", "put it in quotes")
    if key == "base_url":
        check_base_url(str(value))
    if key in _TABLE_FIELDS and not (
        isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    ):
        raise UsageError(f"{key} is not a table of texts", f'write {key} = {{ name = "text" }}')
    if key == "timeout_s" and not (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 86_400
    ):
        raise UsageError("timeout_s is not a number of seconds above 0")


@dataclass(frozen=True, slots=True)
class _ServerLayer:
    """The server keys of one layer."""

    fields: Mapping[str, Json]
    origin: str


def choose_server(
    options: Options,
    environment: Mapping[str, str],
    configuration: Configuration,
    profile: str | None,
    stop: threading.Event | None = None,
) -> Server | None:
    """Return the server, with the key of the same layer; None: no layer names one.

    The server of an option gets the default key. A key alone, wherever it is, belongs to OpenAI's
    server and goes nowhere else; only in a profile, which was selected by name, does it beat
    another layer's address. May run the user's own key command, until ``stop`` is set.
    """
    layers = _server_layers(environment, configuration, profile)
    default_key = environment.get("OPENAI_API_KEY", "")
    layer: _ServerLayer | None = _ServerLayer({"base_url": options.base_url}, "option")
    if not options.base_url:
        has_key = bool(default_key.strip())
        layer = _naming_layer(layers, has_default_key=has_key, by_name=profile is not None)
    if layer is None:
        return None
    key = default_key if layer.origin in ("environment", "option") else ""
    fields = {**_inherited(layer, layers), **layer.fields}
    return _server(fields, layer.origin, environment, _default_key(key), stop)


def _naming_layer(
    layers: Sequence[_ServerLayer], *, has_default_key: bool, by_name: bool
) -> _ServerLayer | None:
    """Find the layer that names the server: by an address, else by a key."""
    if by_name and names_server(layers[0].fields):
        return layers[0]
    addresses = [layer for layer in layers if layer.fields.get("base_url")]
    keys = [
        layer
        for layer in layers
        if names_server(layer.fields) or (has_default_key and layer.origin == "environment")
    ]
    return next(iter(addresses or keys), None)


def _inherited(layer: _ServerLayer, layers: Sequence[_ServerLayer]) -> dict[str, Json]:
    """Collect the fields of other layers that hold for this layer's server.

    A timeout holds for any server. The file's other fields may be secret: those beside no address
    are for OpenAI's server, and go nowhere else.
    """
    file = layers[-1].fields
    fields: dict[str, Json] = {}
    if layer.origin == "environment" and not (layer.fields.get("base_url") or file.get("base_url")):
        fields = {name: file[name] for name in _OPENAI_FIELDS if name in file}
    timeouts = [layer.fields["timeout_s"] for layer in layers if "timeout_s" in layer.fields]
    return fields | {"timeout_s": timeouts[0] if timeouts else None}


def _server_layers(
    environment: Mapping[str, str], configuration: Configuration, profile: str | None
) -> list[_ServerLayer]:
    """Return the layers in the order in which they are searched."""
    layers = []
    if profile is not None:
        layers.append(_ServerLayer(configuration.profiles[profile], f"profile {profile}"))
    from_environment: dict[str, Json] = {
        field: environment[name].strip()
        for field, name in (
            ("base_url", "OPENAI_BASE_URL"),
            ("organization", "OPENAI_ORG_ID"),
            ("project", "OPENAI_PROJECT_ID"),
        )
        if environment.get(name, "").strip()
    }
    layers.append(_ServerLayer(from_environment, "environment"))
    layers.append(_ServerLayer(configuration.values, "configuration"))
    return layers


def _default_key(text: str) -> tuple[Secret, str] | None:
    if not text.strip():
        return None
    try:
        return check_key(text), "OPENAI_API_KEY"
    except UsageError as error:
        raise UsageError(f"OPENAI_API_KEY: {error.message}", error.hint) from None


def _server(
    fields: Mapping[str, Json],
    origin: str,
    environment: Mapping[str, str],
    default_key: tuple[Secret, str] | None,
    stop: threading.Event | None,
) -> Server:
    if fields.get("azure_api_version") and not fields.get("base_url"):
        raise UsageError(
            f"the {origin} has azure_api_version and no base_url",
            'add base_url = "https://NAME.openai.azure.com"',
        )
    base_url = check_base_url(str(fields.get("base_url") or OPENAI_URL))
    key, key_origin = default_key or (None, "")
    if any(fields.get(name) for name in _KEY_FIELDS):
        key, key_origin = key_from(fields, environment, stop=stop)
    timeout_s = fields.get("timeout_s")
    return Server(
        base_url=base_url,
        origin=origin,
        api_key=key,
        key_origin=key_origin,
        organization=_text(fields, "organization"),
        project=_text(fields, "project"),
        headers=_table(fields, "headers"),
        query=_table(fields, "query"),
        timeout_s=float(timeout_s) if isinstance(timeout_s, int | float) else 120.0,
        is_openai=base_url == OPENAI_URL,
        azure_api_version=_text(fields, "azure_api_version") or "",
    )


def _text(fields: Mapping[str, Json], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _table(fields: Mapping[str, Json], name: str) -> dict[str, str]:
    value = fields.get(name)
    return {key: str(text) for key, text in value.items()} if isinstance(value, dict) else {}


def configured_prices(configuration: Configuration) -> Mapping[str, Price]:
    """Return the configured prices by model. Raises ``UsageError`` that names file and line."""
    table = configuration.values.get(_PRICES, {})
    if not isinstance(table, dict):
        raise UsageError(
            f"{_place(configuration, None, _PRICES)}: prices is not a table",
            'write [prices."MODEL"]',
        )
    return {model: _price(configuration, model, fields) for model, fields in table.items()}


def _price(configuration: Configuration, model: str, fields: Json) -> Price:
    where = _place(configuration, None, _PRICES, model)
    if not isinstance(fields, dict):
        raise UsageError(f"{where}: prices.{model} is not a table", f'write [prices."{model}"]')
    for name, amount in fields.items():
        place = _place(configuration, None, _PRICES, model, name)
        if name not in _PRICE_FIELDS:
            raise UsageError(
                f"{place}: unknown key “{name}”",
                nearest(name, _PRICE_FIELDS) or "the known ones: " + ", ".join(_PRICE_FIELDS),
            )
        if not isinstance(amount, int | float) or isinstance(amount, bool) or not 0 <= amount < 1e9:
            raise UsageError(f"{place}: {name} is not a number of dollars per million tokens")
    numbers = {name: float(str(amount)) for name, amount in fields.items()}
    for name in ("prompt", "completion"):
        if name not in numbers:
            raise UsageError(f"{where}: {name} is missing", "dollars per million tokens")
    return Price(
        numbers["prompt"], numbers["completion"], numbers.get("cached"), numbers.get("reasoning")
    )
