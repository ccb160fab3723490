"""Reading of messages in the API's own form, without loss."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chatrepl.core.conversation.metadata import PARTS_FIELD
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, SessionRecord
from chatrepl.core.text.excerpts import title_of
from chatrepl.core.transcript.fields import Fields, damaged, type_name
from chatrepl.core.transcript.transcript import NewId, Transcript, without_secrets

_SENT = frozenset({"role", "content", "name"})


def read_content(
    content: Json, where: str
) -> tuple[str, tuple[Mapping[str, Json], ...], dict[str, Json]]:
    """Read a message's content: a text, null, or a list of parts.

    Returns the joined text, the parts that are no text, and the entries for ``Message.extra`` that
    let ``to_api`` write the same list again. Raises ``UsageError``.
    """
    if content is None or isinstance(content, str):
        return content or "", (), {}
    if not isinstance(content, list):
        raise damaged(where, f"must be a text or a list of parts, not {type_name(content)}")
    texts: list[str] = []
    attached: list[Mapping[str, Json]] = []
    for number, part in enumerate(content):
        if isinstance(part, str):
            texts.append(part)
            continue
        fields = Fields.of(part, f"{where}[{number}]")
        text = fields.values.get("text", fields.values.get("refusal"))
        if isinstance(text, str):
            texts.append(text)
        else:
            attached.append(fields.values)
    return "\n".join(texts), tuple(attached), {PARTS_FIELD: content}


def read_api_message(
    value: Json, where: str, *, message_id: str, parent: str | None, now: datetime
) -> Message:
    """Read one message in the API's form. Raises ``UsageError`` that names the place."""
    fields = Fields.of(value, where)
    role = fields.text("role")
    if not role:
        raise damaged(fields.place("role"), "must not be empty")
    content, attachments, extra = read_content(
        fields.values.get("content"), fields.place("content")
    )
    unknown = {key: item for key, item in fields.values.items() if key not in _SENT}
    return Message(
        id=message_id,
        parent=parent,
        role=role,
        content=content,
        created=now,
        name=fields.optional_text("name"),
        attachments=attachments,
        extra={**without_secrets(unknown), **extra},
    )


def from_api_messages(
    items: Sequence[Json],
    *,
    new_id: NewId,
    now: datetime,
    where: str = "",
) -> Transcript:
    """Read a list of messages in the API's form as a conversation with one path.

    A leading unnamed system message becomes the session's system text; all others stay messages.
    Raises ``UsageError`` that names the place.
    """
    messages: list[Message] = []
    settings: dict[str, Json] = {}
    extra: dict[str, Json] = {}
    for number, item in enumerate(items):
        parent = messages[-1].id if messages else None
        message = read_api_message(
            item, f"{where}[{number}]", message_id=new_id(), parent=parent, now=now
        )
        if number == 0 and _is_system_text(message):
            settings["system"] = message.content
            if message.extra:
                # The setting that replaces the message holds its text only.
                extra["system_message"] = item
            continue
        messages.append(message)
    record = SessionRecord(
        id=new_id(),
        title=title_of(messages),
        created=now,
        updated=now,
        head=messages[-1].id if messages else None,
        settings=settings,
        extra=extra,
    )
    return Transcript(record, tuple(messages))


def lift_system(transcript: Transcript) -> Transcript:
    """Make the only root, if it is an unnamed system message, the session's system text."""
    roots = [message for message in transcript.messages if message.parent is None]
    if len(roots) != 1 or not _is_system_text(roots[0]) or transcript.system is not None:
        return transcript
    root = roots[0].id
    messages = tuple(
        replace(message, parent=None) if message.parent == root else message
        for message in transcript.messages
        if message.id != root
    )
    head = transcript.record.head
    settings = {**transcript.record.settings, "system": roots[0].content}
    record = replace(transcript.record, settings=settings, head=None if head == root else head)
    return replace(transcript, record=record, messages=messages)


def _is_system_text(message: Message) -> bool:
    return (
        message.role == "system"
        and not message.name
        and not message.attachments
        and bool(message.content)
    )
