"""JSON import of the program's own form, with its unknown fields, and of API messages."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Marks, Message, SessionRecord, State, Usage
from chatrepl.core.text.excerpts import title_of
from chatrepl.core.transcript.api import from_api_messages, read_content
from chatrepl.core.transcript.fields import Fields, damaged
from chatrepl.core.transcript.json_out import (
    MESSAGE_FIELDS,
    TOP_FIELDS,
    USAGE_FIELDS,
    VERSION,
)
from chatrepl.core.transcript.transcript import NewId, Transcript, without_secrets


def read_own(
    values: Mapping[str, Json], *, new_id: NewId, now: datetime, where: str = ""
) -> Transcript:
    """Read an object with a ``tree`` of messages. Raises ``UsageError`` that names the place."""
    top = Fields(values, where)
    _check_version(top)
    messages: dict[str, Message] = {}
    pinned: set[str] = set()
    dropped: set[str] = set()
    for number, item in enumerate(top.items("tree")):
        fields = Fields.of(item, top.place(f"tree[{number}]"))
        message = _read_node(fields, now)
        _check_place(message, messages, fields)
        messages[message.id] = message
        if fields.flag("pinned"):
            pinned.add(message.id)
        if fields.flag("dropped"):
            dropped.add(message.id)
    nodes = tuple(messages.values())
    head = top.optional_text("head") if "head" in values else next(reversed(messages), None)
    if head is not None and head not in messages:
        raise damaged(top.place("head"), f"there is no message “{head[:40]}”")
    record = SessionRecord(
        id=new_id(),
        title=top.text("title", title_of(nodes)),
        created=top.time("created", now),
        updated=now,
        name=top.optional_text("name"),
        head=head,
        settings=without_secrets(top.object("settings")),
        extra=_unknown(values, TOP_FIELDS),
    )
    return Transcript(record, nodes, Marks(frozenset(pinned), frozenset(dropped)))


def read_messages_object(
    values: Mapping[str, Json], *, new_id: NewId, now: datetime, where: str = ""
) -> Transcript:
    """Read an object with a list of API messages under ``messages``.

    Raises ``UsageError`` that names the place.
    """
    top = Fields(values, where)
    _check_version(top)
    transcript = from_api_messages(
        top.items("messages"), new_id=new_id, now=now, where=top.place("messages")
    )
    record = transcript.record
    record = replace(
        record,
        title=top.text("title", record.title),
        created=top.time("created", now),
        name=top.optional_text("name"),
        settings={**without_secrets(top.object("settings")), **record.settings},
        extra={**_unknown(values, TOP_FIELDS), **record.extra},
    )
    return replace(transcript, record=record)


def _check_version(top: Fields) -> None:
    version = top.values.get("version", VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise damaged(top.place("version"), f"must be {VERSION}")
    if version > VERSION:
        raise UsageError(
            f"this transcript has version {version}, and this chatrepl reads up to {VERSION}",
            "a newer chatrepl wrote it: update this one",
        )


def _check_place(message: Message, earlier: Mapping[str, Message], fields: Fields) -> None:
    if message.id in earlier:
        raise damaged(fields.place("id"), f"“{message.id[:40]}” is there twice")
    if message.parent is not None and message.parent not in earlier:
        raise damaged(
            fields.place("parent"), f"no message “{message.parent[:40]}” comes before this one"
        )


def _read_node(fields: Fields, now: datetime) -> Message:
    content, parts, extra = read_content(fields.values.get("content"), fields.place("content"))
    usage, unknown_usage = _read_usage(Fields(fields.object("usage"), fields.place("usage")))
    if unknown_usage:
        extra["usage"] = unknown_usage
    return Message(
        id=_not_empty(fields, "id"),
        parent=fields.optional_text("parent"),
        role=_not_empty(fields, "role"),
        content=content,
        created=fields.time("created", now),
        name=fields.optional_text("name"),
        reasoning=fields.text("reasoning", ""),
        attachments=(*fields.objects("attachments"), *parts),
        state=_read_state(fields),
        model=fields.optional_text("model"),
        finish_reason=fields.optional_text("finish_reason"),
        usage=usage if fields.values.get("usage") is not None else None,
        parameters=without_secrets(fields.object("parameters")),
        response_id=fields.optional_text("response_id"),
        prompt_digest=fields.optional_text("prompt_digest"),
        summary_of=fields.texts("summary_of"),
        extra={**_unknown(fields.values, MESSAGE_FIELDS), **extra},
    )


def _not_empty(fields: Fields, key: str) -> str:
    text = fields.text(key)
    if not text:
        raise damaged(fields.place(key), "must not be empty")
    return text


def _read_state(fields: Fields) -> State:
    name = fields.text("state", State.COMPLETE.value)
    if name == State.STREAMING.value:
        return State.CUT
    try:
        return State(name)
    except ValueError as error:
        raise damaged(
            fields.place("state"),
            f"must be complete, stopped, cut or failed, not “{name[:40]}”",
        ) from error


def _read_usage(fields: Fields) -> tuple[Usage, dict[str, Json]]:
    known = Usage(*(fields.count(key) for key in USAGE_FIELDS))
    return known, {key: item for key, item in fields.values.items() if key not in USAGE_FIELDS}


def _unknown(values: Mapping[str, Json], known: Collection[str]) -> dict[str, Json]:
    return without_secrets({key: item for key, item in values.items() if key not in known})
