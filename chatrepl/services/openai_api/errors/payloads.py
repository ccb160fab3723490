"""Parser of error bodies: text, codes and fields, out of the shapes that servers use. No I/O."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from chatrepl.services.openai_api.json_fields import positive_int

DIGITS = r"(?<![\d,_])\d[\d,_]{0,20}"
"""A number with separators, as a regular expression: from its first digit, of a bounded length."""
_MAXIMUM_DEPTH = 4
_MAXIMUM_TEXT_CHARS = 3000
_MAXIMUM_NAME_CHARS = 200
_MOST_LOCATIONS = 8
# OpenAI's "error" and "message"; FastAPI's "detail", "msg"; RFC 9457's "title"; Zod's "issues";
# gateways' "fault". Names are compared without underscores and case.
_TEXT_FIELDS = (
    *("error", "errors", "detail", "details", "message", "msg", "errormessage", "issues", "fault"),
    *("reason", "description", "title", "faultstring"),
)
# FastAPI's "loc", Zod's "path" and "keys", JSON:API's "pointer"; others of unknown servers.
_LOCATION_FIELDS = ("loc", "path", "keys", "field", "property", "argument", "parameter", "pointer")
_STATUS_PHRASES = frozenset(status.phrase.lower() for status in HTTPStatus)


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """The content of an error object; a part that it lacks is empty or None.

    Every part is cut to a bounded length: many regular expressions search it, on the event loop.
    """

    text: str = ""
    code: str = ""
    error_type: str = ""
    """The field ``type``."""
    parameter: str = ""
    """The field ``param``."""
    locations: tuple[str, ...] = ()
    """Path to the field of the request that a validator rejected."""
    window: int | None = None
    prompt_tokens: int | None = None

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(self, "text", self.text[:_MAXIMUM_TEXT_CHARS])
        for name in ("code", "error_type", "parameter"):
            set_field(self, name, getattr(self, name)[:_MAXIMUM_NAME_CHARS])
        locations = (name[:_MAXIMUM_NAME_CHARS] for name in self.locations[:_MOST_LOCATIONS])
        set_field(self, "locations", tuple(locations))

    def first_number(self, patterns: Iterable[str]) -> int | None:
        """Return the number in group ``n``, else 1, of the first pattern that the text matches."""
        for pattern in patterns:
            if match := re.search(pattern, self.text, re.IGNORECASE):
                return integer_of(match.groupdict().get("n") or match[1])
        return None


def integer_of(digits: str) -> int | None:
    """Convert digits with separators; None for more of them than any count has."""
    digits = re.sub(r"\D", "", digits)
    return int(digits) if 0 < len(digits) < 12 else None


def read_error_body(body: str) -> ErrorReport:
    """Read a response's body: an error in JSON of any shape, else its text."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorReport(text=body)
    return read_error(payload)


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int and abs(value) < 2**53 else ""


def read_error(value: object, depth: int = 0) -> ErrorReport:
    """Read an error in parsed JSON: its first text, and the codes closest to that."""
    if isinstance(value, str):
        return ErrorReport(text=value)
    if depth > _MAXIMUM_DEPTH:
        return ErrorReport()
    if isinstance(value, list):
        return _read_list(value, depth)
    if not isinstance(value, dict):
        return ErrorReport()
    fields = _plain_names(value)
    found = ErrorReport()
    for field in _TEXT_FIELDS:
        if fields.get(field):
            inner = read_error(fields[field], depth + 1)
            # “Bad Request” is no reason while another field may hold one.
            found = inner if inner.text or not found.text else found
            if found.text and found.text.lower() not in _STATUS_PHRASES:
                break
    if not found.text and depth:
        found = _read_field_errors(value)
    return replace(
        found,
        text=_with_detail(found.text, fields, depth),
        code=found.code or _string(fields.get("code")),
        error_type=found.error_type or _string(fields.get("type")),
        parameter=found.parameter or _string(fields.get("param")),
        locations=found.locations or _location(fields),
        # llama.cpp's n_ctx and n_prompt_tokens.
        window=found.window or positive_int(fields.get("nctx")),
        prompt_tokens=found.prompt_tokens or positive_int(fields.get("nprompttokens")),
    )


def _plain_names(value: Mapping[str, object]) -> dict[str, object]:
    """Return the fields by their names in lower case, without underscores and hyphens."""
    return {re.sub(r"[_-]", "", name).lower(): field for name, field in value.items()}


def _with_detail(text: str, value: Mapping[str, object], depth: int) -> str:
    """Add the error of the server behind a gateway: OAuth's description, OpenRouter's metadata."""
    if description := _string(value.get("errordescription")):
        return f"{text}: {description}"
    metadata = value.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not raw:
        return text
    inner = read_error_body(raw) if isinstance(raw, str) else read_error(raw, depth + 1)
    return f"{text}: {inner.text}" if inner.text else text


def _read_list(values: list[object], depth: int) -> ErrorReport:
    reports = [read_error(value, depth + 1) for value in values[:8]]
    reports = [report for report in reports if report.text]
    if not reports:
        return ErrorReport()
    texts = [
        f"{'.'.join(report.locations)}: {report.text}" if report.locations else report.text
        for report in reports
    ]
    return replace(
        reports[0],
        text="; ".join(texts),
        locations=tuple(filter(None, map(_request_field, reports))),
    )


def _request_field(report: ErrorReport) -> str:
    """Return the request's field in a location, which may begin with the name of its class."""
    named = (name for name in report.locations if name[:1].islower())
    return next(named, next(iter(report.locations), ""))


def _read_field_errors(value: Mapping[str, object]) -> ErrorReport:
    """Read the shape ``{"seed": ["unknown field"]}``: messages by the request's field."""
    errors = {
        name: "; ".join(map(str, messages))
        for name, messages in list(value.items())[:8]
        if isinstance(messages, list) and messages and all(isinstance(m, str) for m in messages)
    }
    texts = (f"{name}: {message}" for name, message in errors.items())
    return ErrorReport(text="; ".join(texts), locations=tuple(errors))


def _location(value: Mapping[str, object]) -> tuple[str, ...]:
    """Read the path to the rejected field, in the form of one of many validators."""
    source = value.get("source")
    for field in _LOCATION_FIELDS:
        path = value.get(field) or (source.get(field) if isinstance(source, dict) else None)
        parts = path.lstrip("#/").split("/") if isinstance(path, str) else path
        if isinstance(parts, list) and parts:
            return tuple(part for part in map(_string, parts[:6]) if part and part != "body")
    parameters = value.get("params")
    if isinstance(parameters, dict):
        return tuple(part for part in list(parameters.values())[:6] if isinstance(part, str))
    return ()
