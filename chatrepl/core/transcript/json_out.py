"""JSON export in the program's own form, which is lossless."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields

from chatrepl.core.conversation.api_messages import to_api
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Marks, Message, State, Usage, usage_fields
from chatrepl.core.transcript.transcript import Transcript, format_time, without_secrets

VERSION = 1
TOP_FIELDS = frozenset(
    {"version", "name", "title", "created", "settings", "messages", "tree", "head"}
)
_OF_MESSAGE = frozenset(field.name for field in fields(Message))
MESSAGE_FIELDS = _OF_MESSAGE - {"extra"} | {"pinned", "dropped"}
USAGE_FIELDS = tuple(field.name for field in fields(Usage))

_SURROGATE = re.compile("[\ud800-\udfff]")


def to_json(transcript: Transcript) -> str:
    """Write a transcript in the program's own JSON form, which ``from_json`` reads back.

    The text is valid UTF-8 whatever the contents; a lone surrogate is an escape.
    """
    return "".join(json_pieces(transcript))


def json_pieces(transcript: Transcript) -> Iterator[str]:
    """Yield the text of ``to_json`` in pieces, with one message a line."""
    record = transcript.record
    unknown = {key: value for key, value in record.extra.items() if key not in TOP_FIELDS}
    before: dict[str, Json] = {
        "version": VERSION,
        "name": record.name,
        "title": record.title,
        "created": format_time(record.created),
        "settings": without_secrets(record.settings),
    }
    yield "{\n"
    yield from _members(before)
    yield from _list("messages", _api_messages(transcript))
    yield from _list("tree", (_node(one, transcript.marks) for one in transcript.messages))
    yield from _members(without_secrets(unknown))
    yield f'"head": {_encode(record.head)}\n}}\n'


def _members(values: Mapping[str, Json]) -> Iterator[str]:
    for key, value in values.items():
        yield f"{_encode(key)}: {_encode(value)},\n"


def _list(key: str, items: Iterator[Json]) -> Iterator[str]:
    yield f'"{key}": ['
    separator = "\n "
    for item in items:
        yield separator + _encode(item)
        separator = ",\n "
    yield "\n],\n" if separator.startswith(",") else "],\n"


def _api_messages(transcript: Transcript) -> Iterator[Json]:
    if transcript.system is not None:
        yield {"role": "system", "content": transcript.system}
    for message in transcript.path:
        yield to_api(message)


def _node(message: Message, marks: Marks) -> Json:
    # An answer that is still arriving counts as cut in a file.
    state = State.CUT if message.state is State.STREAMING else message.state
    known: dict[str, Json] = {
        "id": message.id,
        "parent": message.parent,
        "role": message.role,
        "name": message.name,
        "content": message.content,
        "reasoning": message.reasoning,
        "attachments": [dict(attachment) for attachment in message.attachments],
        "state": state.value,
        "model": message.model,
        "created": format_time(message.created),
        "finish_reason": message.finish_reason,
        "usage": _usage(message),
        "parameters": without_secrets(message.parameters),
        "response_id": message.response_id,
        "pinned": message.id in marks.pinned,
        "dropped": message.id in marks.dropped,
        "summary_of": [*message.summary_of],
    }
    if message.prompt_digest is not None:
        known["prompt_digest"] = message.prompt_digest
    unknown = {key: item for key, item in message.extra.items() if key not in MESSAGE_FIELDS}
    return {**known, **without_secrets(unknown)}


def _usage(message: Message) -> Json:
    # Counts beyond the four of ``Usage`` are kept under the unknown fields.
    unknown = message.extra.get("usage")
    if message.usage is None and not isinstance(unknown, dict):
        return None
    usage = message.usage or Usage()
    return {**(unknown if isinstance(unknown, dict) else {}), **(usage_fields(usage) or {})}


def _encode(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if text.isascii():
        return text
    # JSON is ASCII outside of its strings, so every surrogate stands where an escape may stand.
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
