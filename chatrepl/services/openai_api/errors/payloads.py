"""What an error body tells, whichever of many shapes it has. No I/O."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from chatrepl.services.openai_api.errors.context_length import ErrorReport

__all__ = ["report_of", "report_of_body"]

_MAXIMUM_DEPTH = 4
_TEXT_FIELDS = (
    *("error", "errors", "detail", "details", "message", "msg", "errormessage", "issues", "fault"),
    *("reason", "description", "title", "faultstring"),
)
_PLACES = ("loc", "path", "keys", "field", "property", "argument", "parameter", "pointer")
_PHRASES = frozenset(status.phrase.lower() for status in HTTPStatus)


def report_of_body(body: str) -> ErrorReport:
    """Find what a response's body says: JSON of any shape, else its text."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorReport(text=body)
    return report_of(payload)


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int and abs(value) < 2**53 else ""


def report_of(value: object, depth: int = 0) -> ErrorReport:
    """Find what an error says: the first text, and the codes nearest to it."""
    if isinstance(value, str):
        return ErrorReport(text=value)
    if depth > _MAXIMUM_DEPTH:
        return ErrorReport()
    if isinstance(value, list):
        return _report_of_list(value, depth)
    if not isinstance(value, dict):
        return ErrorReport()
    fields = _plain_names(value)
    found = ErrorReport()
    for field in _TEXT_FIELDS:
        if fields.get(field):
            said = report_of(fields[field], depth + 1)
            # “Bad Request” is no reason while another field may tell one.
            found = said if said.text or not found.text else found
            if found.text and found.text.lower() not in _PHRASES:
                break
    if not found.text and depth:
        found = _report_of_fields(value)
    return replace(
        found,
        text=_with_detail(found.text, fields),
        code=found.code or _string(fields.get("code")),
        kind=found.kind or _string(fields.get("type")),
        parameter=found.parameter or _string(fields.get("param")),
        locations=found.locations or _location(fields),
        window=found.window or _positive(fields.get("nctx")),
        prompt_tokens=found.prompt_tokens or _positive(fields.get("nprompttokens")),
    )


def _plain_names(value: Mapping[str, object]) -> dict[str, object]:
    """Return the fields by names that ``errorMessage``, ``error_message`` and ``Message`` share."""
    return {re.sub(r"[_-]", "", name).lower(): field for name, field in value.items()}


def _with_detail(text: str, value: Mapping[str, object]) -> str:
    """Add what a gateway passes on of the error behind it."""
    if description := _string(value.get("errordescription")):
        return f"{text}: {description}"
    metadata = value.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not raw:
        return text
    behind = report_of_body(raw) if isinstance(raw, str) else report_of(raw)
    return f"{text}: {behind.text}" if behind.text else text


def _report_of_list(values: list[object], depth: int) -> ErrorReport:
    reports = [report_of(value, depth + 1) for value in values[:8]]
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
        locations=tuple(filter(None, map(_field_of, reports))),
    )


def _field_of(report: ErrorReport) -> str:
    """Return the request's field that a place begins with, not the name of its class."""
    named = (name for name in report.locations if name[:1].islower())
    return next(named, next(iter(report.locations), ""))


def _report_of_fields(value: Mapping[str, object]) -> ErrorReport:
    """Read ``{"seed": ["unknown field"]}``: what is wrong, by the request's field."""
    wrong = {
        name: "; ".join(map(str, said))
        for name, said in list(value.items())[:8]
        if isinstance(said, list) and said and all(isinstance(text, str) for text in said)
    }
    texts = (f"{name}: {said}" for name, said in wrong.items())
    return ErrorReport(text="; ".join(texts), locations=tuple(wrong))


def _location(value: Mapping[str, object]) -> tuple[str, ...]:
    """Read where in the request an error is, as one of many validators says it."""
    source = value.get("source")
    for field in _PLACES:
        place = value.get(field) or (source.get(field) if isinstance(source, dict) else None)
        parts = place.lstrip("#/").split("/") if isinstance(place, str) else place
        if isinstance(parts, list) and parts:
            return tuple(part for part in map(_string, parts[:6]) if part and part != "body")
    parameters = value.get("params")
    if isinstance(parameters, dict):
        return tuple(part for part in list(parameters.values())[:6] if isinstance(part, str))
    return ()


def _positive(value: object) -> int | None:
    return value if type(value) is int and 0 < value < 2**53 else None
