"""The form of an answer by a JSON schema in a file."""

import json
import re
from pathlib import PurePath

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json, check_json

__all__ = ["FORMAT_KEY", "format_of_schema", "names_schema_file"]

FORMAT_KEY = "response_format"

_FORMATS = ("text", "json_object", "json_schema")
_NAME_CHARS = 64


def names_schema_file(text: Json) -> bool:
    """Say whether a value of response_format is a file's path: it ends in ``.json``."""
    return (
        isinstance(text, str)
        and text.strip().lower().endswith(".json")
        and not text.lstrip().startswith("{")
    )


def format_of_schema(text: str, path: str) -> dict[str, Json]:
    """Make the API's ``response_format`` of a file's text.

    The file holds a JSON schema; or the API's ``json_schema`` object (``name``, ``schema``,
    ``strict``); or a whole ``response_format``. A bare schema is named after the file. Raises
    ``UsageError``.
    """
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path} holds no JSON schema", "it begins with {")
    check_json(value)
    if value.get("type") in _FORMATS:
        return value
    if isinstance(value.get("schema"), dict) and isinstance(value.get("name"), str):
        return {"type": "json_schema", "json_schema": value}
    name = re.sub(r"[^A-Za-z0-9_-]", "_", PurePath(path).stem)[:_NAME_CHARS] or "answer"
    return {"type": "json_schema", "json_schema": {"name": name, "schema": value}}
