"""Read the configuration file: TOML, with the line of every key for errors that can be found."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import cast

from chatrepl.core.errors import UsageError
from chatrepl.core.messages import Json
from chatrepl.services.files import explain_os_error

__all__ = ["Configuration", "read_configuration"]

_TABLE = re.compile(r"\s*\[\s*(?P<name>[^\[\]]+?)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(r"\s*(?P<name>[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')\s*(?:\.|=)")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the file says, as plain values; whether they make sense is the settings' business."""

    path: Path
    values: Mapping[str, Json] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    lines: Mapping[tuple[str | None, str], int] = field(default_factory=dict)

    def line_of(self, profile: str | None, key: str) -> int | None:
        """Return the line (from 1) that sets a key at the top level or in a profile."""
        return self.lines.get((profile, key))


def read_configuration(path: Path, *, must_exist: bool = False) -> Configuration:
    """Read a file; a missing one is empty unless it must exist.

    Raises ``UsageError`` that names the file and, where known, the line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        tables = tomllib.loads(text)
    except FileNotFoundError:
        if must_exist:
            raise UsageError(f"there is no configuration file {path}") from None
        return Configuration(path)
    except OSError as error:
        if not must_exist and isinstance(error, NotADirectoryError):
            return Configuration(path)
        raise UsageError(f"cannot read {path}: {explain_os_error(error)[0]}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text", "save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: {_lowered(str(error))}", "TOML: https://toml.io") from None
    lines = _lines(text)
    profiles = tables.pop("profiles", {})
    if not isinstance(profiles, dict):
        raise UsageError(f"{path}: profiles is not a table", "write [profiles.NAME]")
    for name, profile in profiles.items():
        if not isinstance(profile, dict):
            raise UsageError(f"{path}: profiles.{name} is not a table", f"write [profiles.{name}]")
    return Configuration(
        path,
        cast("Mapping[str, Json]", _plain(tables)),
        cast("Mapping[str, Mapping[str, Json]]", _plain(profiles)),
        lines,
    )


def _plain(value: object) -> Json:
    """Turn TOML's values into JSON's; times become text."""
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


def _lines(text: str) -> dict[tuple[str | None, str], int]:
    """Find the line of each key of the top level and of each profile's own table."""
    found: dict[tuple[str | None, str], int] = {}
    profile: str | None = None
    is_inside = True
    for number, line in enumerate(text.split("\n"), 1):
        table = _TABLE.match(line)
        if table is not None:
            parts = [part.strip().strip("\"'") for part in table["name"].split(".")]
            is_inside = len(parts) == 1 or parts[0] == "profiles"
            profile = parts[1] if parts[0] == "profiles" and len(parts) > 1 else None
            if len(parts) == 1:
                found.setdefault((None, parts[0]), number)
                is_inside = False
            elif len(parts) > 2:
                found.setdefault((profile, parts[2]), number)
                is_inside = False
            continue
        key = _KEY.match(line)
        if key is not None and is_inside:
            found.setdefault((profile, key["name"].strip("\"'")), number)
    return found


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
