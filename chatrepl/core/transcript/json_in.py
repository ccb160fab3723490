"""JSON import: detects which form a text has, and reads its conversations one by one."""

import json
import math
from collections.abc import Callable, Iterator
from datetime import datetime

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.transcript.api import from_api_messages
from chatrepl.core.transcript.chatgpt import read_chatgpt
from chatrepl.core.transcript.fields import damaged, type_name
from chatrepl.core.transcript.own_json import read_messages_object, read_own
from chatrepl.core.transcript.transcript import NewId, Progress, Transcript

_READERS = {"tree": read_own, "mapping": read_chatgpt, "messages": read_messages_object}
"""Readers by the key that tells the form of a conversation; an earlier key goes before a later."""

OnFault = Callable[[UsageError], None]
"""Called with the reason why a conversation is left out."""

_SPACE = " \t\n\r"
_FORMS = "chatrepl reads its own JSON, a list of API messages, and ChatGPT's conversations.json"


def from_json(text: str, *, new_id: NewId, now: datetime) -> list[Transcript]:
    """Read all conversations of a JSON text. Raises ``UsageError`` for the first fault.

    The text has the program's own form (its message ids are kept), or is a bare list of API
    messages, an object with such a list under ``messages``, or a ChatGPT data export. ``new_id``
    makes all other ids; ``now`` replaces missing times.
    """
    return list(iter_json(text, new_id=new_id, now=now))


def iter_json(
    text: str,
    *,
    new_id: NewId,
    now: datetime,
    on_progress: Progress | None = None,
    on_fault: OnFault | None = None,
) -> Iterator[Transcript]:
    """Yield the conversations of a JSON text, in file order; see ``from_json`` for its forms.

    ``on_progress`` gets the characters read and their number before each conversation is yielded.
    With ``on_fault``, which gets the errors, one of several that cannot be read is left out, as are
    empty ones. Raises ``UsageError`` for any other fault, after the conversations before it.
    """
    text = text.removeprefix("\ufeff")
    report = on_progress or (lambda _done, _total: None)
    pending: list[Json] = []
    is_export = False
    for number, (value, end) in enumerate(_elements(text)):
        report(end, len(text))
        is_export = is_export or _form_of(value) is not None
        if number == 0 and end == 0:
            yield _read_one(value, "", new_id, now)
        elif not is_export or (pending and on_fault is None):
            pending.append(value)
        else:
            for at, one in enumerate((*pending, value), number - len(pending)):
                yield from _read_of_several(one, f"[{at}]", new_id, now, on_fault)
            pending.clear()
    if pending:
        yield _guarded(lambda: from_api_messages(pending, new_id=new_id, now=now))
        report(len(text), len(text))


def _read_of_several(
    value: Json, where: str, new_id: NewId, now: datetime, on_fault: OnFault | None
) -> Iterator[Transcript]:
    """Yield a conversation; with ``on_fault``, none where it is empty or has a fault."""
    try:
        transcript = _read_one(value, where, new_id, now)
    except UsageError as fault:
        if on_fault is None:
            raise
        on_fault(fault)
        return
    if transcript.messages or on_fault is None:
        yield transcript


def _form_of(value: Json) -> str | None:
    """Return the key in ``_READERS`` of a conversation's form; None: it is no conversation."""
    if not isinstance(value, dict):
        return None
    return next((key for key in _READERS if key in value), None)


def _read_one(value: Json, where: str, new_id: NewId, now: datetime) -> Transcript:
    if not isinstance(value, dict):
        raise UsageError(f"{where or 'this'} is {type_name(value)}, no conversation", _FORMS)
    form = _form_of(value)
    if form is None:
        raise UsageError(f"{where or 'this object'} holds no conversation", _FORMS)
    return _guarded(lambda: _READERS[form](value, new_id=new_id, now=now, where=where))


def _guarded(read: Callable[[], Transcript]) -> Transcript:
    """Read a conversation. Raises ``UsageError`` for one that is nested too deeply."""
    try:
        return read()
    except RecursionError as error:
        raise damaged("", "this JSON is nested too deeply") from error


def _elements(text: str) -> Iterator[tuple[Json, int]]:
    """Yield each item of a top-level list with its end; any other value alone, with 0.

    Items are decoded one at a time, so that those before a fault are read.
    """
    decoder = json.JSONDecoder(parse_constant=str, parse_float=_number)
    at = _skip_space(text, 0)
    if not text.startswith("[", at):
        value, end = _decode(decoder, text, at)
        _check_end(text, end)
        yield value, 0
        return
    at = _skip_space(text, at + 1)
    if text.startswith("]", at):
        raise UsageError("this list is empty: there is no message in it")
    while True:
        value, end = _decode(decoder, text, at)
        yield value, end
        at = _skip_space(text, end)
        if text.startswith("]", at):
            _check_end(text, at + 1)
            return
        if not text.startswith(",", at):
            raise _not_json("a comma or ] is missing", text, at)
        at = _skip_space(text, at + 1)


def _decode(decoder: json.JSONDecoder, text: str, at: int) -> tuple[Json, int]:
    try:
        value: Json
        value, end = decoder.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _not_json(error.msg, text, error.pos) from error
    except RecursionError as error:
        raise damaged("", "this JSON is nested too deeply") from error
    except ValueError as error:
        raise damaged("", "this JSON has a number with thousands of digits") from error
    return value, end


def _number(digits: str) -> Json:
    # JSON has no infinity; a number beyond all bounds stays as it was written.
    value = float(digits)
    return value if math.isfinite(value) else digits


def _check_end(text: str, at: int) -> None:
    at = _skip_space(text, at)
    if at < len(text):
        raise _not_json("there is more behind the end", text, at)


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _not_json(what: str, text: str, at: int) -> UsageError:
    if not text.strip():
        return UsageError("the file is empty")
    at = min(at, len(text))
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    if at >= len(text):
        return damaged(f"line {line}", "the file ends too early")
    return damaged(f"line {line}, column {column}", f"this is not JSON: {what}")
