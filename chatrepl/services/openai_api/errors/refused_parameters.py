"""Whether an error says that a server does not take a field of the request, and which field.

No list of whole messages is kept: a clause is looked for that names a field which was sent, and
says of it that it cannot be had. A value out of range is something else, as is anything about the
messages, the key, the account or the window: there the user would not want the field left out.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from chatrepl.services.openai_api.errors import refusal_patterns as wordings
from chatrepl.services.openai_api.errors.context_length import ErrorReport

__all__ = [
    "may_refuse",
    "most_answers",
    "named_field",
    "refused_parameter",
    "refuses_system_role",
    "values_taken",
]

_NEVER_OPTIONAL = frozenset({"model", "messages"})
_OWN = "stream_options"
"""Sent by this program's own choice: whatever a server has against it, it is left out."""
_TWINS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}

_READ_CHARS = 4000
_AROUND_CHARS = 100
_MOST_PLACES = 20


def refused_parameter(report: ErrorReport, sent: Collection[str]) -> tuple[str, str] | None:
    """Name the field of the request that the server cannot use, and the one it wants instead.

    Args:
        report: the server's error.
        sent: the top-level fields of the request: nothing else can have been refused.

    Returns:
        The field and its replacement (empty if there is none), or None if no field was refused.
    """
    report = replace(report, text=report.text[:_READ_CHARS])
    structured = _structured(report)
    if structured[:1] and structured[0] in _NEVER_OPTIONAL:
        return None
    optional = set(sent) - _NEVER_OPTIONAL
    named = next((name for name in structured if name in optional), "")
    if "n" in structured or wordings.ONE_CHOICE.search(report.text):
        found = named if named not in ("", "n") and _is_refused(report, report.text, named) else "n"
    elif _is_certain(report):
        found = named or next(_names_in(wordings.LISTS_OTHERS.sub("", report.text), optional), "")
    elif named:
        found = named if _is_refused(report, report.text, named) else ""
    else:
        found = _found_in(report, optional)
    return (found, _replacement(report.text, found)) if found in optional else None


def named_field(report: ErrorReport, sent: Collection[str]) -> str:
    """Return the field that an error is about, by its own account; empty: none of the user's."""
    optional = set(sent) - _NEVER_OPTIONAL - {"stream", _OWN}
    return next((name for name in _structured(report) if name in optional), "")


def _structured(report: ErrorReport) -> list[str]:
    return [_top_level(name) for name in (report.parameter, *report.locations) if name]


def may_refuse(status: int | None, report: ErrorReport) -> bool:
    """Say whether an error of this status may be about a field of the request at all."""
    if status in (403, 404):
        is_about_fields = status == 404 and re.search(rf"(?i)\b{wordings.NOUN}\b", report.text)
        return _is_certain(report) or is_about_fields is not None
    return status not in (401, 402, 429)


def _is_certain(report: ErrorReport) -> bool:
    """Say whether a code of the error, not only its words, says that a field is refused."""
    return any(wordings.PARAMETER_CODE.search(code) for code in (report.code, report.kind))


def refuses_system_role(report: ErrorReport) -> bool:
    """Say whether the model takes no message under the system, or developer, role."""
    return wordings.NO_SYSTEM_ROLE.search(report.text[:_READ_CHARS]) is not None


def most_answers(report: ErrorReport) -> int | None:
    """Read from an error about ``n`` how many answers to a request the server gives."""
    for pattern in wordings.MOST_ANSWERS:
        if match := pattern.search(report.text):
            digits = re.sub(r"\D", "", match[1])
            return int(digits) if 0 < len(digits) < 12 else None
    return None


def values_taken(report: ErrorReport) -> str:
    """Return the values that the server would take, in its own words; empty if it told none."""
    match = wordings.TAKEN.search(report.text[:_READ_CHARS])
    return re.sub(r"""['"`\[\]]""", "", match[1]).strip() if match else ""


def _found_in(report: ErrorReport, optional: Collection[str]) -> str:
    """Find the field in the clause that refuses one; else one that is marked anywhere."""
    text = wordings.LISTS_OTHERS.sub("", report.text)
    for clause in wordings.CLAUSE_END.split(text):
        for name in _names_in(clause, optional):
            if _is_refused(report, clause, name):
                return name
    marked = next(_names_in(text, optional, marked=True), "")
    return marked if marked and _is_refused(report, text, marked) else ""


def _is_refused(report: ErrorReport, text: str, name: str) -> bool:
    if name == _OWN:
        return True
    codes = f"{report.code} {report.kind}"
    if wordings.OTHER_CODE.search(codes):
        return False
    if wordings.LIMIT.search(report.text) or (
        name in _TWINS and wordings.LARGE_NUMBER.search(report.text)
    ):
        return False
    if name in _TWINS and re.search(rf"(?<!\w){_TWINS[name]}(?!\w)", text):
        # Whoever names the other one wants it.
        return True
    if wordings.ONE_VALUE.search(report.text) and name in wordings.NUMERIC:
        return True
    if wordings.CONDITION.search(text):
        return False
    if wordings.MALFORMED.search(text) and not (
        wordings.HERE.search(text) or wordings.VALUE_CODE.search(codes)
    ):
        return False
    return wordings.VALUE_CODE.search(codes) is not None or wordings.CANNOT.search(text) is not None


def _names_in(text: str, optional: Collection[str], *, marked: bool = False) -> Iterator[str]:
    """Yield the sent fields that a text names, in its order. ``marked``: only as names."""
    found: list[tuple[int, str]] = []
    for name in optional:
        found += [(place, name) for place in _places(text, name, marked=marked)]
    for pattern, name in wordings.ALIASES:
        if name in optional and not marked and (match := pattern.search(text)):
            found.append((match.start(), name))
    yield from (name for _, name in sorted(found))


def _places(text: str, name: str, *, marked: bool) -> Iterable[int]:
    """Find a name as such: quoted, beside “parameter”, or a word that means nothing else.

    Servers write it with other joints, too: ``topP``, ``top-p``, ``top p``.
    """
    pattern = "[ _-]?".join(map(re.escape, name.split("_")))
    is_word = "_" not in name and name not in wordings.CLEAR_WORDS
    for match in islice(re.finditer(rf"(?i)(?<![\w/-]){pattern}(?![\w/]|-\w)", text), _MOST_PLACES):
        before = text[max(0, match.start() - _AROUND_CHARS) : match.start()]
        after = text[match.end() : match.end() + _AROUND_CHARS]
        if wordings.OTHER_BEFORE.search(before):
            continue
        is_first = not text[: match.start()].strip() or before.rstrip().endswith(wordings.COLONS)
        is_marked = (
            wordings.MARK_BEFORE.search(before)
            or (wordings.MARK_AFTER.match(after) and (after[:1] not in wordings.COLONS or is_first))
            or (is_first and (wordings.MEN if name == "user" else wordings.SUBJECT).match(after))
        )
        if is_marked or not (is_word or marked or wordings.ABOUT_MESSAGES.search(text)):
            yield match.start()


def _replacement(text: str, refused: str) -> str:
    match = wordings.INSTEAD.search(text)
    named = next((group for group in match.groups() if group), "") if match else ""
    return named if named and named != refused else _TWINS.get(refused, "")


def _top_level(name: str) -> str:
    first = re.split(r"[.\[]", name, maxsplit=1)[0]
    return re.sub(r"(?<=[a-z])([A-Z])", lambda match: "_" + match[1].lower(), first)
