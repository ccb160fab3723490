"""Error bodies of every known shape, as ``ModelError``: what failed, and what to do. No I/O."""

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
from chatrepl.services.openai_api.errors.context_length import (
    ErrorReport,
    is_context_length,
    is_quota,
    numbers_of_length,
    seems_too_long,
)
from chatrepl.services.openai_api.errors.payloads import report_of, report_of_body
from chatrepl.services.openai_api.errors.refused_parameters import (
    may_refuse,
    most_answers,
    named_field,
    refused_parameter,
    refuses_system_role,
    values_taken,
)

__all__ = [
    "MAXIMUM_EXCERPT_CHARS",
    "RequestFacts",
    "error_from_payload",
    "error_from_status",
    "excerpt",
    "html_title",
    "looks_like_html",
    "retry_after_s",
]

MAXIMUM_EXCERPT_CHARS = 300

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_HALVES = re.compile("[\ud800-\udfff]")
_TITLE = re.compile(r"(?is)<(title|h1)[^>]*>(.*?)</\1>")
_TAG = re.compile(r"<[^>]*>")
_TRY_AGAIN = re.compile(
    r"(?i)(?:try again|retry) in (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)(ms|s))?"
)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What an error's text needs to know of the request."""

    server: Server
    sent: frozenset[str] = frozenset()
    """The top-level fields of its body."""

    @property
    def key(self) -> str:
        """The key itself, to be kept out of texts; empty if there is none."""
        return self.server.api_key.value if self.server.api_key else ""

    @property
    def host(self) -> str:
        """The server's host, with its port if the address tells one."""
        return host_of(self.server.base_url)


def excerpt(text: str, key: str = "") -> str:
    """Make one redacted line of at most 300 characters of any text."""
    # Longer than shown, so that a key which the cut would halve is still found whole.
    line = " ".join(_CONTROLS.sub(" ", text[: 16 * MAXIMUM_EXCERPT_CHARS]).split())
    line = redact(_HALVES.sub("\ufffd", line), key)
    return line if len(line) <= MAXIMUM_EXCERPT_CHARS else line[: MAXIMUM_EXCERPT_CHARS - 1] + "…"


def looks_like_html(text: str) -> bool:
    """Say whether a body is a web page."""
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    return start.startswith("<") and not start.startswith("<?xml")


def html_title(text: str) -> str:
    """Return a page's title or first heading, without tags."""
    match = _TITLE.search(text[:65536])
    return _TAG.sub("", match[2]).strip() if match else ""


def error_from_payload(
    payload: Mapping[str, object], name: str, facts: RequestFacts
) -> ModelError | None:
    """Return the error that a piece of a stream holds, if it holds one."""
    has_error = bool(payload.get("error"))
    if not has_error and name != "error":
        if "choices" in payload:
            return None
        is_marked = "error" in (payload.get("object"), payload.get("type"))
        is_bare = any(payload.get(field) for field in ("message", "detail", "errors"))
        if not is_marked and not is_bare:
            return None
    report = report_of(payload)
    code = int(report.code) if re.fullmatch(r"[45]\d\d", report.code) else None
    return _error(code or _status_in_words(report), report, facts, is_in_stream=True)


def error_from_status(
    status: int, headers: Mapping[str, str], body: str, facts: RequestFacts
) -> ModelError:
    """Turn a response with an error status into an error."""
    if 300 <= status < 400:
        return _moved(status, headers.get("location", ""), facts)
    is_page = looks_like_html(body)
    report = report_of_body("" if is_page else body)
    if is_page:
        title = html_title(body)
        report = replace(report, text=f"a web page, {title!r}" if title else "a web page")
    wait_s = retry_after_s(headers)
    if wait_s is None and status in (408, 409, 429, 503):
        wait_s = _wait_in_words(report.text)
    return _error(status, report, facts, wait_s=wait_s)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read how long the server asks to wait: milliseconds, seconds, or a date."""
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


def _wait_in_words(text: str) -> float | None:
    match = _TRY_AGAIN.search(text)
    if not match or not any(match.groups()[:3]):
        return None
    hours, minutes, rest, unit = match.groups()
    seconds = float(rest or 0) * (0.001 if unit == "ms" else 1)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds


_WORDS = (
    (401, r"invalid_api_key|authentication|unauthorized"),
    (403, r"permission|forbidden"),
    (404, r"not_found"),
    (429, r"rate_?limit|too_many_requests"),
    (400, r"invalid_request|bad_?request|validation|context_length"),
)


def _status_in_words(report: ErrorReport) -> int | None:
    words = f"{report.code} {report.kind}".lower()
    return next((status for status, pattern in _WORDS if re.search(pattern, words)), None)


def _moved(status: int, location: str, facts: RequestFacts) -> ModelError:
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
    details: dict[str, str | int | float] = {}
    if status is not None:
        details["status"] = status
    if wait_s is not None:
        details["retry_after_s"] = wait_s
    fault, cause, hint = _meaning(status, report, facts, details, is_in_stream)
    said = excerpt(report.text, facts.key)
    number = f" ({status})" if status is not None and not is_in_stream else ""
    return ModelError(
        f"{cause}{number}: {said}" if said else cause + number, hint, fault=fault, details=details
    )


def _meaning(
    status: int | None,
    report: ErrorReport,
    facts: RequestFacts,
    details: dict[str, str | int | float],
    is_in_stream: bool,
) -> tuple[Fault, str, str]:
    if status not in (401, 403) and is_context_length(report):
        return _too_long(details, *numbers_of_length(report))
    if is_quota(report) and (status != 429 or "retry_after_s" not in details or report.code):
        return Fault.QUOTA, "the account's quota is used up", "check its plan and billing"
    if may_refuse(status, report) and (refused := refused_parameter(report, facts.sent)):
        return _refusal(report, facts, details, *refused)
    if may_refuse(status, report) and refuses_system_role(report):
        hint = "/set system_form user sends the system text inside the first message"
        return Fault.BAD_REQUEST, "the model takes no system role", hint
    if seems_too_long(status, report):
        return _too_long(details, *numbers_of_length(report))
    if status is None:
        what = "broke the answer off" if is_in_stream else "reported an error"
        return Fault.SERVER, f"the server {what}", "/retry asks again"
    return _meaning_of_status(status, report, facts)


def _too_long(
    details: dict[str, str | int | float], window: int | None, prompt_tokens: int | None
) -> tuple[Fault, str, str]:
    if window is not None:
        details["window"] = window
    if prompt_tokens is not None:
        details["prompt_tokens"] = prompt_tokens
    hint = "lower /budget, take turns out with /drop, or begin anew with /new"
    return Fault.CONTEXT_LENGTH, "the request is longer than the model's context window", hint


def _refusal(
    report: ErrorReport,
    facts: RequestFacts,
    details: dict[str, str | int | float],
    parameter: str,
    replacement: str,
) -> tuple[Fault, str, str]:
    details["parameter"] = parameter
    if replacement:
        details["replacement"] = replacement
    most = most_answers(report) if parameter == "n" else None
    if most is not None:
        details["most"] = most
    if taken := values_taken(report):
        details["taken"] = excerpt(taken, facts.key)
    hint = f"/set {setting_of(parameter)} default leaves it out"
    return Fault.PARAMETER_REFUSED, f"{facts.host} does not take {parameter}", hint


_AGAIN = "/retry asks again"

_MEANINGS: Mapping[int, tuple[Fault, str, str]] = {
    402: (Fault.QUOTA, "the account has no credit left", "check its plan and billing"),
    408: (Fault.TIMEOUT, "the server waited too long for the request", _AGAIN),
    409: (Fault.SERVER, "the server is busy with another request", _AGAIN),
    413: (
        Fault.BAD_REQUEST,
        "the request is too large for the server",
        "lower /budget, or attach less",
    ),
    425: (Fault.SERVER, "the server is not ready for the request", _AGAIN),
    429: (Fault.RATE_LIMIT, "the server asks to send less often", _AGAIN),
    502: (Fault.SERVER, "a gateway got no answer from the server behind it", _AGAIN),
    503: (Fault.SERVER, "the server is overloaded, or still starting", _AGAIN),
    504: (Fault.SERVER, "a gateway got no answer from the server behind it", _AGAIN),
    529: (Fault.SERVER, "the server is overloaded", _AGAIN),
}


def _meaning_of_status(
    status: int, report: ErrorReport, facts: RequestFacts
) -> tuple[Fault, str, str]:
    if status == 401:
        return _unauthorized(facts)
    if status == 403:
        key = f"the key from {facts.server.key_origin}" if facts.server.key_origin else "the key"
        return Fault.PERMISSION, f"{facts.host} does not permit this", f"check what {key} may do"
    if status in (404, 405, 410):
        return _not_found(report, facts)
    if status in _MEANINGS:
        return _MEANINGS[status]
    if status >= 500:
        return Fault.SERVER, "the server failed", _AGAIN
    return Fault.BAD_REQUEST, "the server refused the request", _how_to_change(report, facts)


def _how_to_change(report: ErrorReport, facts: RequestFacts) -> str:
    named = named_field(report, facts.sent)
    return f"/set {setting_of(named)} VALUE changes it" if named else "/request shows what was sent"


def _unauthorized(facts: RequestFacts) -> tuple[Fault, str, str]:
    server = facts.server
    if server.api_key is None:
        hint = "set OPENAI_API_KEY, or api_key_env in the server's profile"
        return Fault.AUTHENTICATION, f"{facts.host} wants a key", hint
    origin = f" from {server.key_origin}" if server.key_origin else ""
    return (
        Fault.AUTHENTICATION,
        f"{facts.host} did not accept the key{origin}",
        "check that the key is whole, valid, and meant for this server",
    )


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
