"""Reader of the configuration file: TOML, with the line number of every key."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.text.toml import key_lines
from chatrepl.services.files.private_files import decode_utf8, explain_os_error, place_after

_MAX_BYTES = 1 << 20
_BOM = "\ufeff"
# Keys of OpenAI and many others, Groq, xAI, Hugging Face, NVIDIA, Cerebras, Replicate; of Google;
# bearer tokens.
_KEY_IN_CLEAR = re.compile(
    r"""(?x)
    \b (?:sk|pk|gsk|xai|hf|nvapi|csk|r8) [-_] (?=[\w-]*\d) [\w-]{16,}
    | \b AIza [\w-]{30,}
    | (?i:bearer) \s+ \S{8,}
    """
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The file's content as plain values; the settings check their meaning."""

    path: Path
    values: Mapping[str, Json] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    """Lines to show to the user, each with file and line number."""
    text: str = ""

    @property
    def lines(self) -> Mapping[tuple[str, ...], int]:
        """Line numbers (from 1) by a key's full name: ``("profiles", "cluster", "model")``."""
        return key_lines(self.text)

    def line_of(self, profile: str | None, *key: str) -> int | None:
        """Return the line (from 1) that sets a key at the top level, or in a profile.

        For a key in a table, as ``("extra", "top_k")``: its own line, else the table's.
        """
        table = () if profile is None else ("profiles", profile)
        return self.lines.get((*table, *key)) or self.lines.get((*table, *key[:1]))


def read_configuration(path: Path, *, must_exist: bool = False) -> Configuration:
    """Read the file; a missing one is empty unless it must exist. Times become text.

    Raises ``UsageError`` with the file and, for an error of its content, line and column.
    """
    data = _read(path, must_exist=must_exist)
    if data is None:
        return Configuration(path)
    text = _decode(path, data)
    try:
        tables = tomllib.loads(text)
        plain = {key: _plain(value) for key, value in tables.items()}
    except tomllib.TOMLDecodeError as error:
        message = _syntax_message(str(error), text)
        raise UsageError(f"{path}: {message}", "TOML: https://toml.io") from None
    except RecursionError:
        raise UsageError(f"{path}: its tables or lists are nested too deeply") from None
    except ValueError:
        raise UsageError(f"{path}: a number in it has more digits than any can have") from None
    profiles = _profiles(path, plain.pop("profiles", {}), text)
    return Configuration(path, plain, profiles, _warnings(path, plain, profiles, text), text)


def _read(path: Path, *, must_exist: bool) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        if must_exist:
            raise UsageError(f"there is no configuration file {path}", "check --config") from None
        return None
    except OSError as error:
        cause, _ = explain_os_error(error)
        raise UsageError(f"cannot read the configuration {path}: {cause}") from None
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{path} is no configuration: it is larger than 1 MB")
    return data


def _decode(path: Path, data: bytes) -> str:
    text = decode_utf8(data, path)
    if text.startswith(_BOM):
        raise UsageError(
            f"{path}, line 1, column 1: a byte order mark, which TOML does not allow",
            "save it as UTF-8 without BOM",
        )
    return text


def _syntax_message(message: str, text: str) -> str:
    """Replace tomllib's “at end of document” by the line and column."""
    end = f"(at {place_after(text.rstrip())})"
    return message[:1].lower() + message[1:].replace("(at end of document)", end)


def _profiles(path: Path, tables: Json, text: str) -> dict[str, Mapping[str, Json]]:
    if not isinstance(tables, dict):
        line = key_lines(text).get(("profiles",), 1)
        raise UsageError(f"{path}, line {line}: profiles is not a table", "write [profiles.NAME]")
    profiles: dict[str, Mapping[str, Json]] = {}
    for name, profile in tables.items():
        if not isinstance(profile, dict):
            place = f"{path}, line {key_lines(text).get(('profiles', name), 1)}"
            key = f"profiles.{name}"
            raise UsageError(f"{place}: {key} is not a table", f"write [{key}]")
        profiles[name] = profile
    return profiles


def _plain(value: object) -> Json:
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case datetime() | date() | time():
            return value.isoformat()
        case str() | bool() | int() | float():
            return value
        case _:
            return str(value)


def _warnings(
    path: Path,
    values: Mapping[str, Json],
    profiles: Mapping[str, Mapping[str, Json]],
    text: str,
) -> list[str]:
    tables: dict[tuple[str, ...], Mapping[str, Json]] = {(): values}
    tables |= {("profiles", name): profile for name, profile in profiles.items()}
    in_clear = [
        (*table, key)
        for table, fields in tables.items()
        for key, value in fields.items()
        if any(map(_KEY_IN_CLEAR.search, _texts(value)))
    ]
    return [
        f"{path}, line {key_lines(text).get(key, 1)}: {key[-1]} holds what looks like a key in "
        "clear; name a variable by api_key_env, or a command by api_key_cmd, in its place"
        for key in in_clear
    ]


def _texts(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            for item in value.values():
                yield from _texts(item)
        case _:
            return
