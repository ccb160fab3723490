r"""Roles: presets of a conversation, as Markdown files with TOML front matter.

    +++
    description = "Translates into one language"
    model = "gpt-4.1"
    reminder = "Answer with the translation only."
    [variables]
    language = "English"
    [parameters]
    temperature = 0.2
    [[examples]]
    user = "Guten Morgen"
    assistant = "Good morning"
    +++
    You translate what you are given into {{language}}.

A variable with an empty value has no default. ``\{{word}}`` stands for ``{{word}}`` itself.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from chatrepl.core.errors import UsageError, about_key
from chatrepl.core.json_value import Json
from chatrepl.core.settings.response_format import FORMAT_KEY, names_schema_file
from chatrepl.core.settings.table import EXTRA, Setting, find_setting
from chatrepl.core.text.quoting import nearest
from chatrepl.core.text.toml import key_lines, setting_fields, to_toml

_FENCE = "+++"
_TEXT_KEYS = ("description", "model", "reminder")
_KEYS = (*_TEXT_KEYS, "variables", "parameters", "examples")
_NAME = re.compile(r"[\w-][\w.-]{0,63}")
_LINE = re.compile(r"line \d+: ")
_VARIABLE = re.compile(r"(\\?)\{\{\s*([A-Za-z_]\w*)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Role:
    """Preset of system text, reminder, examples and parameters; texts as in the file."""

    name: str
    system: str
    description: str = ""
    reminder: str = ""
    examples: tuple[tuple[str, str], ...] = ()
    """Pairs of role (``user`` or ``assistant``) and text, in order."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """Model and parameters, by setting key."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Defaults of the variables by name; empty: the variable must be given."""

    def values(self) -> dict[str, Json]:
        """Return the values of the role, by setting key."""
        values: dict[str, Json] = dict(self.settings)
        if self.system:
            values["system"] = self.system
        if self.reminder:
            values["reminder"] = self.reminder
        if self.examples:
            values["examples"] = [
                {"role": role, "content": content} for role, content in self.examples
            ]
        return values


def check_role_name(name: str) -> None:
    """Raise ``UsageError`` for a name that is not valid as a role's, and thus a file's, name."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"“{name}” cannot be a role's name", "letters, digits, - and _")


def parse_role(name: str, text: str, path: str = "") -> Role:
    """Parse a role's file; without front matter, all of it is the system text.

    Raises ``UsageError`` that names the file (else the role), the line and the fault.
    """
    try:
        return _parse(name, text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except UsageError as error:
        joint = ", " if _LINE.match(error.message) else ": "
        where = (path or f"role {name}") + joint
        raise UsageError(f"{where}{error.message}", error.hint) from None


def _parse(name: str, text: str) -> Role:
    lines = text.split("\n")
    if lines[0].rstrip() != _FENCE:
        return Role(name, text.strip())
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise UsageError("its front matter has no end", "close it by a line +++")
    try:
        # An empty line replaces the fence, so that the line numbers in errors are the file's.
        front = "\n".join(["", *lines[1:end], ""])
        table = tomllib.loads(front)
        numbers = key_lines(front)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"its front matter is no TOML: {error}", "see https://toml.io") from None
    return _role(name, table, _Lines(numbers), "\n".join(lines[end + 1 :]).strip())


@dataclass(frozen=True, slots=True)
class _Lines:
    """Line numbers of the keys of the front matter."""

    numbers: Mapping[tuple[str, ...], int]

    @contextmanager
    def of(self, *key: str) -> Iterator[None]:
        """Put the line of a key, else that of its table, before the text of a ``UsageError``."""
        try:
            yield
        except UsageError as error:
            places = (self.numbers.get(key[:length]) for length in range(len(key), 0, -1))
            line = next(filter(None, places), 1)
            said = about_key(key[-1], error.message)
            raise UsageError(f"line {line}: {said}", error.hint) from None


def _role(name: str, table: Mapping[str, Json], lines: _Lines, system: str) -> Role:
    for key in table:
        if key not in _KEYS:
            with lines.of(key):
                hint = nearest(key, _KEYS) or "known: " + ", ".join(_KEYS)
                raise UsageError(f"unknown key “{key}”", hint)
    texts = {}
    for key in _TEXT_KEYS:
        with lines.of(key):
            texts[key] = _text(table, key)
    with lines.of("examples"):
        examples = _examples(table.get("examples", []))
    with lines.of("variables"):
        variables = _variables(table.get("variables", {}))
    return Role(
        name,
        system,
        description=texts["description"],
        reminder=texts["reminder"],
        examples=examples,
        settings=_settings(table, lines),
        variables=variables,
    )


def _text(table: Mapping[str, Json], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"{key} is not text", "put it in quotes")
    return value


def _examples(value: Json) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        raise UsageError("examples is not a list", "write [[examples]] before each")
    found: list[tuple[str, str]] = []
    for example in value:
        if not isinstance(example, dict) or not example or example.keys() - {"user", "assistant"}:
            raise UsageError("an example has other keys than user and assistant")
        found += [(role, _text(example, role)) for role in ("user", "assistant") if role in example]
    return tuple(found)


def _settings(table: Mapping[str, Json], lines: _Lines) -> dict[str, Json]:
    parameters = table.get("parameters", {})
    with lines.of("parameters"):
        if not isinstance(parameters, dict):
            raise UsageError("parameters is not a table", "write [parameters]")
    values: dict[str, Json] = {"model": _text(table, "model")} if "model" in table else {}
    for key, value in setting_fields(parameters):
        with lines.of("parameters", *key):
            setting = find_setting(".".join(key))
            values[setting.key] = _parameter(setting, value)
    return values


def _parameter(setting: Setting, value: Json) -> Json:
    if not setting.in_session or setting.key in ("system", "examples"):
        raise UsageError(f"{setting.key} is no matter of a role")
    is_file = setting.key == FORMAT_KEY and names_schema_file(value)
    return value if is_file else setting.kind.check(value)


def _variables(value: Json) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise UsageError("variables is not a table of texts", 'write language = "English"')
    return {name: str(text) for name, text in value.items()}


def variables_of(role: Role) -> dict[str, str]:
    """Return each variable's default (empty: none): the declared ones, then others in order."""
    texts = [role.system, role.reminder, *(content for _, content in role.examples)]
    used = [match[2] for text in texts for match in _VARIABLE.finditer(text) if not match[1]]
    return {name: role.variables.get(name, "") for name in [*role.variables, *used]}


def fill_variables(role: Role, values: Mapping[str, str]) -> Role:
    """Replace the variables by their values, in which no variable is replaced again."""

    def fill(text: str) -> str:
        return _VARIABLE.sub(
            lambda match: match[0][1:] if match[1] else values.get(match[2], match[0]), text
        )

    return replace(
        role,
        system=fill(role.system),
        reminder=fill(role.reminder),
        examples=tuple((name, fill(content)) for name, content in role.examples),
        variables={},
    )


def format_role(role: Role) -> str:
    """Write a role as the text of its file, which ``parse_role`` reads."""
    texts = (("description", role.description), ("reminder", role.reminder))
    front: dict[str, Json] = {key: text for key, text in texts if text}
    parameters: dict[str, Json] = {}
    extra: dict[str, Json] = {}
    for key, value in role.settings.items():
        if key == "model":
            front["model"] = value
        elif key.startswith(EXTRA):
            extra[key.removeprefix(EXTRA)] = value
        else:
            parameters[key] = value
    if extra:
        parameters["extra"] = extra
    tables: dict[str, Json] = {"variables": {**role.variables}, "parameters": parameters}
    front |= {key: table for key, table in tables.items() if table}
    if role.examples:
        front["examples"] = _in_pairs(role.examples)
    return f"{_FENCE}\n{to_toml(front)}{_FENCE}\n{role.system}\n"


def _in_pairs(examples: Sequence[tuple[str, str]]) -> list[Json]:
    """Group each answer with the message before it."""
    pairs: list[dict[str, Json]] = []
    for name, content in examples:
        if name == "assistant" and pairs and pairs[-1].keys() == {"user"}:
            pairs[-1][name] = content
        else:
            pairs.append({name: content})
    return [*pairs]


def escape_variables(text: str) -> str:
    """Escape a text such that nothing in it is a variable."""
    return _VARIABLE.sub(lambda match: match[0] if match[1] else "\\" + match[0], text)
