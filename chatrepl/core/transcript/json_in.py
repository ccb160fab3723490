"""Tells which JSON form a text has, and reads it, one conversation after another."""

import json
import math
from collections.abc import Callable, Iterator
from datetime import datetime

from chatrepl.core.errors import UsageError
from chatrepl.core.messages import Json
from chatrepl.core.transcript.api import from_api_messages
from chatrepl.core.transcript.chatgpt import read_chatgpt
from chatrepl.core.transcript.fields import damaged, kind_of
from chatrepl.core.transcript.own_json import read_messages_object, read_own
from chatrepl.core.transcript.transcript import NewId, Progress, Transcript

__all__ = ["OnFault", "from_json", "iter_json"]

OnFault = Callable[[UsageError], None]

_SPACE = " \t\n\r"
_FORMS = "chatrepl reads its own JSON, a list of API messages, and ChatGPT's conversations.json"


def from_json(text: str, *, new_id: NewId, now: datetime) -> list[Transcript]:
    """Read every conversation of a JSON text: all of them, or ``UsageError`` for the first fault.

    Reads the program's own form (its message ids are kept), a bare list of API messages, an object
    with such a list under ``messages``, and a ChatGPT data export. Other ids are made by
    ``new_id``; ``now`` stands in for times that are not told.
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
    """Yield the same one by one, in file order.

    ``on_progress`` is told characters read and their number before each conversation is yielded.
    ``on_fault`` is told why one of several cannot be read; it is left out then, as are empty ones.
    Raises ``UsageError`` where a fault is otherwise, so what came before a cut end is not lost.
    """
    text = text.removeprefix("\ufeff")
    report = on_progress or (lambda _done, _total: None)
    pending: list[Json] = []
    is_export = False
    for number, (value, end) in enumerate(_elements(text)):
        report(end, len(text))
        is_export = is_export or _is_conversation(value)
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
    """Yield a conversation; none where it is empty, or where it has a fault that may be told."""
    try:
        transcript = _read_one(value, where, new_id, now)
    except UsageError as fault:
        if on_fault is None:
            raise
        on_fault(fault)
        return
    if transcript.messages or on_fault is None:
        yield transcript


def _is_conversation(value: Json) -> bool:
    return isinstance(value, dict) and any(key in value for key in ("mapping", "tree", "messages"))


def _read_one(value: Json, where: str, new_id: NewId, now: datetime) -> Transcript:
    if not isinstance(value, dict):
        raise UsageError(f"{where or 'this'} is {kind_of(value)}, no conversation", _FORMS)
    if "tree" in value:
        read = read_own
    elif "mapping" in value:
        read = read_chatgpt
    elif "messages" in value:
        read = read_messages_object
    else:
        raise UsageError(f"{where or 'this object'} holds no conversation", _FORMS)
    return _guarded(lambda: read(value, new_id=new_id, now=now, where=where))


def _guarded(read: Callable[[], Transcript]) -> Transcript:
    try:
        return read()
    except RecursionError as error:
        raise damaged("", "this JSON is nested too deeply") from error


def _elements(text: str) -> Iterator[tuple[Json, int]]:
    """Yield a top-level list's items with the place behind each; anything else alone, with 0."""
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
