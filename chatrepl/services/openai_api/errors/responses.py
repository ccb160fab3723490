"""Conversion of error responses of every known shape to ``ModelError``. No I/O."""

import email.utils
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.ports.chat_model import Server
from chatrepl.core.servers.addresses import host_of, redact
from chatrepl.core.servers.refused_parameters import setting_of
from chatrepl.core.text.surrogates import valid_text
from chatrepl.services.openai_api.errors.context_length import (
    is_context_length,
    is_quota,
    length_numbers,
    seems_too_long,
)
from chatrepl.services.openai_api.errors.payloads import ErrorReport, read_error, read_error_body
from chatrepl.services.openai_api.errors.refused_parameters import (
    allowed_values,
    invalid_field,
    may_refuse_field,
    most_choices,
    refused_parameter,
    refuses_system_role,
)

MAXIMUM_EXCERPT_CHARS = 300

_Details = dict[str, str | int | float]
_CONTROL_CHARS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_HTML_TITLES = (
    (re.compile(r"(?i)<title[^<>]*>"), re.compile(r"(?i)</title>")),
    (re.compile(r"(?i)<h1[^<>]*>"), re.compile(r"(?i)</h1>")),
)
_HTML_TAG = re.compile(r"<[^<>]*>")
_HTML_HEAD_CHARS = 65536
# OpenAI, Groq and Gemini: "try again in 1m2.5s".
_RETRY_TIME = re.compile(
    r"(?i)(?:try again|retry) in (?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?"
    r"(?:(\d{1,9}(?:\.\d{1,9})?)(ms|s))?"
)
_STATUS_BY_WORD = (
    (401, r"invalid_api_key|authentication|unauthorized"),
    (403, r"permission|forbidden"),
    (404, r"not_found"),
    (429, r"rate_?limit|too_many_requests"),
    (400, r"invalid_request|bad_?request|validation|context_length"),
)
"""HTTP statuses of errors that come in a stream, by a word of their code or type."""

_RETRY = "/retry asks again"
_BY_STATUS: Mapping[int, tuple[Fault, str, str]] = {
    402: (Fault.QUOTA, "the account has no credit left", "check its plan and billing"),
    408: (Fault.TIMEOUT, "the server waited too long for the request", _RETRY),
    409: (Fault.SERVER, "the server is busy with another request", _RETRY),
    413: (
        Fault.BAD_REQUEST,
        "the request is too large for the server",
        "lower /budget, or attach less",
    ),
    425: (Fault.SERVER, "the server is not ready for the request", _RETRY),
    429: (Fault.RATE_LIMIT, "the server asks to send less often", _RETRY),
    502: (Fault.SERVER, "a gateway got no answer from the server behind it", _RETRY),
    503: (Fault.SERVER, "the server is overloaded, or still starting", _RETRY),
    504: (Fault.SERVER, "a gateway got no answer from the server behind it", _RETRY),
    529: (Fault.SERVER, "the server is overloaded", _RETRY),
}


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """The parts of a request that its errors refer to."""

    server: Server
    sent: frozenset[str] = frozenset()
    """Names of the top-level fields of its body."""

    @property
    def key(self) -> str:
        """The API key, to be redacted in messages; empty if there is none."""
        return self.server.api_key.value if self.server.api_key else ""

    @property
    def host(self) -> str:
        """The server's host, with its port if the address has one."""
        return host_of(self.server.base_url)


def excerpt(text: str, key: str = "") -> str:
    """Return the beginning of a text as one redacted line of at most 300 characters."""
    # Redacted before it is cut: half a key would not be recognised.
    line = " ".join(_CONTROL_CHARS.sub(" ", text[: 16 * MAXIMUM_EXCERPT_CHARS]).split())
    line = redact(valid_text(line), key)
    return line if len(line) <= MAXIMUM_EXCERPT_CHARS else line[: MAXIMUM_EXCERPT_CHARS - 1] + "…"


def looks_like_html(text: str) -> bool:
    """Return whether a body is a web page."""
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    return start.startswith("<") and not start.startswith("<?xml")


def html_title(text: str) -> str:
    """Return a page's title or first heading, without tags."""
    text = text[:_HTML_HEAD_CHARS]
    for opening, closing in _HTML_TITLES:
        start = opening.search(text)
        if start and (end := closing.search(text, start.end())):
            return _HTML_TAG.sub("", text[start.end() : end.start()]).strip()
    return ""


def error_from_payload(
    payload: Mapping[str, object], name: str, facts: RequestFacts
) -> ModelError | None:
    """Return the error in an event of a stream, or in a whole response; None if it has none.

    ``name`` is the event's name, empty if it has none.
    """
    has_error = bool(payload.get("error"))
    if not has_error and name != "error":
        if "choices" in payload:
            return None
        is_marked = "error" in (payload.get("object"), payload.get("type"))
        is_bare = any(payload.get(field) for field in ("message", "detail", "errors"))
        if not is_marked and not is_bare:
            return None
    report = read_error(payload)
    code = int(report.code) if re.fullmatch(r"[45]\d\d", report.code) else None
    return _error(code or _status_from_words(report), report, facts, is_in_stream=True)


def error_from_status(
    status: int, headers: Mapping[str, str], body: str, facts: RequestFacts
) -> ModelError:
    """Convert a response with an error status."""
    if 300 <= status < 400:
        return _redirect_error(status, headers.get("location", ""), facts)
    is_page = looks_like_html(body)
    report = read_error_body("" if is_page else body)
    if is_page:
        title = html_title(body)
        report = replace(report, text=f"a web page, {title!r}" if title else "a web page")
    wait_s = retry_after_s(headers)
    if wait_s is None and status in (408, 409, 429, 503):
        wait_s = _retry_time_in_text(report.text)
    return _error(status, report, facts, wait_s=wait_s)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read the headers that ask to retry later: milliseconds, seconds, or a date; None if none."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        try:
            seconds = float(text) * unit_s
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    until = _time_of(headers.get("retry-after", ""))
    if until is None:
        return None
    # By the server's own clock, which may differ from this machine's.
    now = _time_of(headers.get("date", ""))
    return max(0.0, until - (time.time() if now is None else now))


def _time_of(date: str) -> float | None:
    try:
        parts = email.utils.parsedate_tz(date)
        return None if parts is None else float(email.utils.mktime_tz(parts))
    except (ValueError, OverflowError, IndexError):
        return None


def _retry_time_in_text(text: str) -> float | None:
    match = _RETRY_TIME.search(text)
    if not match or not any(match.groups()[:3]):
        return None
    hours, minutes, rest, unit = match.groups()
    seconds = float(rest or 0) * (0.001 if unit == "ms" else 1)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds


def _status_from_words(report: ErrorReport) -> int | None:
    words = f"{report.code} {report.error_type}".lower()
    return next((status for status, pattern in _STATUS_BY_WORD if re.search(pattern, words)), None)


def _redirect_error(status: int, location: str, facts: RequestFacts) -> ModelError:
    target = location.split("?")[0].removesuffix("/chat/completions").removesuffix("/models")
    target = excerpt(target, facts.key)
    return ModelError(
        f"the endpoint moved to {target or 'another place'} ({status})",
        f"if you trust it, change base_url to {target}" if target else "check base_url",
        fault=Fault.REDIRECT,
        details={"status": status},
    )


def _error(
    status: int | None,
    report: ErrorReport,
    facts: RequestFacts,
    *,
    wait_s: float | None = None,
    is_in_stream: bool = False,
) -> ModelError:
    details = _details(status=status, retry_after_s=wait_s)
    fault, cause, hint = _classify(status, report, facts, details, is_in_stream)
    text = excerpt(report.text, facts.key)
    number = f" ({status})" if status is not None and not is_in_stream else ""
    return ModelError(
        f"{cause}{number}: {text}" if text else cause + number, hint, fault=fault, details=details
    )


def _details(**values: str | float | None) -> _Details:
    """Return the known values, neither None nor empty, by their names in ``ModelError.details``."""
    return {name: value for name, value in values.items() if value not in (None, "")}


def _classify(
    status: int | None,
    report: ErrorReport,
    facts: RequestFacts,
    details: _Details,
    is_in_stream: bool,
) -> tuple[Fault, str, str]:
    """Return fault, cause and hint, and add to the details what the report says of them."""
    if status not in (401, 403) and is_context_length(report):
        return _too_long(details, report)
    if is_quota(report) and (status != 429 or "retry_after_s" not in details or report.code):
        return Fault.QUOTA, "the account's quota is used up", "check its plan and billing"
    may_refuse = may_refuse_field(status, report)
    if may_refuse and (refused := refused_parameter(report, facts.sent)):
        return _refused_parameter(report, facts, details, *refused)
    if may_refuse and refuses_system_role(report):
        hint = "/set system_form user sends the system text inside the first message"
        return Fault.BAD_REQUEST, "the model takes no system role", hint
    if seems_too_long(status, report):
        return _too_long(details, report)
    if status is None:
        event = "broke the answer off" if is_in_stream else "reported an error"
        return Fault.SERVER, f"the server {event}", _RETRY
    return _classify_status(status, report, facts)


def _too_long(details: _Details, report: ErrorReport) -> tuple[Fault, str, str]:
    window, prompt_tokens = length_numbers(report)
    details.update(_details(window=window, prompt_tokens=prompt_tokens))
    hint = "lower /budget, take turns out with /drop, or begin anew with /new"
    return Fault.CONTEXT_LENGTH, "the request is longer than the model's context window", hint


def _refused_parameter(
    report: ErrorReport,
    facts: RequestFacts,
    details: _Details,
    parameter: str,
    replacement: str,
) -> tuple[Fault, str, str]:
    most = most_choices(report) if parameter == "n" else None
    taken = excerpt(allowed_values(report), facts.key)
    details.update(_details(parameter=parameter, replacement=replacement, most=most, taken=taken))
    hint = f"/set {setting_of(parameter)} default leaves it out"
    return Fault.PARAMETER_REFUSED, f"{facts.host} does not take {parameter}", hint


def _classify_status(
    status: int, report: ErrorReport, facts: RequestFacts
) -> tuple[Fault, str, str]:
    if status == 401:
        return _unauthorized(facts.server, facts.host)
    if status == 403:
        key = f"the key from {facts.server.key_origin}" if facts.server.key_origin else "the key"
        return Fault.PERMISSION, f"{facts.host} does not permit this", f"check what {key} may do"
    if status in (404, 405, 410):
        return _not_found(report, facts)
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return Fault.SERVER, "the server failed", _RETRY
    field = invalid_field(report, facts.sent)
    hint = f"/set {setting_of(field)} VALUE changes it" if field else "/request shows what was sent"
    return Fault.BAD_REQUEST, "the server refused the request", hint


def _unauthorized(server: Server, host: str) -> tuple[Fault, str, str]:
    if server.api_key is None:
        hint = "set OPENAI_API_KEY, or api_key_env in the server's profile"
        return Fault.AUTHENTICATION, f"{host} wants a key", hint
    origin = f" from {server.key_origin}" if server.key_origin else ""
    hint = "check that the key is whole, valid, and meant for this server"
    return Fault.AUTHENTICATION, f"{host} did not accept the key{origin}", hint


def _not_found(report: ErrorReport, facts: RequestFacts) -> tuple[Fault, str, str]:
    words = f"{report.code} {report.text}".lower()
    if re.search(r"\b(?:model|deployment)", words) or "model_not_found" in words:
        hint = f"/models lists what {facts.host} offers"
        return Fault.NOT_FOUND, "there is no such model", hint
    base = excerpt(facts.server.base_url, facts.key)
    if facts.server.azure_api_version:
        hint = "check base_url, azure_api_version, and that the model is a deployment's name"
        return Fault.NOT_FOUND, f"there is no such deployment at {base}", hint
    ends_well = re.search(r"/(?:v\d\w*|openai)$", base)
    hint = "check base_url" if ends_well else f"try {base}/v1 as base_url"
    return Fault.NOT_FOUND, f"there is no chat endpoint at {base}", hint
