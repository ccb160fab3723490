"""The API's ``response_format`` from a JSON schema in a file, and its checks."""

import json
import re
from collections.abc import Callable
from pathlib import PurePath

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json, check_json

FORMAT_KEY = "response_format"

_FORMATS = ("text", "json_object", "json_schema")
_NAME_CHARS = 64
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_SCHEMA_WORD = re.compile(
    r"\$(?:ref|dynamicRef|schema|defs)|definitions|type|enum|const|pattern|(?:pattern|additional)?"
    r"[pP]roperties|required|(?:prefixI|i)tems|contains|(?:any|one|all)Of|not"
)
"""Keywords of a JSON schema, at least one of which every useful schema has."""


def names_schema_file(text: Json) -> bool:
    """Return whether a value of response_format is a file's path, which ends in ``.json``."""
    return (
        isinstance(text, str)
        and text.strip().lower().endswith(".json")
        and not text.lstrip().startswith("{")
    )


def format_of_schema(text: str, path: str) -> dict[str, Json]:
    """Convert the text of a file to the API's ``response_format``.

    The file holds a JSON schema, the API's ``json_schema`` object (``name``, ``schema``,
    ``strict``), or a whole ``response_format``. A bare schema is named after the file. Raises
    ``UsageError``.
    """
    try:
        value: Json = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{path}, line {error.lineno}, column {error.colno}"
        raise UsageError(f"{place}: this is not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON that can be read: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path} holds no JSON schema", "it begins with {")
    check_json(value)
    if value.get("type") in _FORMATS:
        return _of_file(check_format, value, path)
    if isinstance(value.get("schema"), dict) and isinstance(value.get("name"), str):
        return {"type": "json_schema", "json_schema": value}
    _of_file(_check_schema, value, path)
    name = re.sub(r"[^A-Za-z0-9_-]", "_", PurePath(path).stem)[:_NAME_CHARS] or "answer"
    return {"type": "json_schema", "json_schema": {"name": name, "schema": value}}


def check_format(value: dict[str, Json]) -> None:
    """Raise ``UsageError`` for a ``response_format`` of type json_schema without a schema."""
    inner = value.get("json_schema")
    if value.get("type") == "json_schema" and not isinstance(inner, dict):
        raise UsageError(
            "a response_format of type json_schema has its schema under json_schema",
            "or give the schema's file: /response_format FILE.json",
        )


def _check_schema(value: dict[str, Json]) -> None:
    if not any(map(_SCHEMA_WORD.fullmatch, value)):
        known = ", ".join(list(value)[:3]) or "it is empty"
        raise UsageError(f"it holds no JSON schema ({known})", "a schema has a type, or properties")
    kinds = value.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind is not None and kind not in _TYPES:
            raise UsageError(f"“{kind}” is no type of JSON", "one of " + ", ".join(_TYPES))
    if not isinstance(value.get("properties", {}), dict):
        raise UsageError("properties is not an object", "of names and their schemas")


def _of_file(
    check: Callable[[dict[str, Json]], None], value: dict[str, Json], path: str
) -> dict[str, Json]:
    try:
        check(value)
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", error.hint) from None
    return value
