"""Turns messages and sessions into columns and back, exactly.

Text that UTF-8 cannot hold (lone surrogates) is stored as bytes in place of text, so that every
string comes back as it was.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chatrepl.core.errors import StoreError
from chatrepl.core.messages import Json, Message, SessionRecord, State, Usage

__all__ = [
    "MESSAGE_COLUMNS",
    "RECORD_COLUMNS",
    "DamageError",
    "Stored",
    "decode_json",
    "decode_text",
    "decode_time",
    "encode_json",
    "encode_optional",
    "encode_text",
    "encode_time",
    "first_words_of",
    "message_columns",
    "message_from",
    "record_columns",
    "record_from",
    "size_of",
]

Stored = str | bytes

MESSAGE_COLUMNS = (
    "id, role, name, content, reasoning, state, created, model, finish_reason, response_id, details"
)
RECORD_COLUMNS = "id, title, created, updated, name, settings, extra"

_STATES = {state.value: state for state in State}
_FIRST_WORDS_CHARACTERS = 120


class DamageError(Exception):
    """A row that reads well but makes no sense: the file is damaged."""


def encode_text(text: str) -> Stored:
    """Return the text itself, or its bytes where it holds lone surrogates."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def decode_text(stored: Stored) -> str:
    """Return what ``encode_text`` was given."""
    return stored if isinstance(stored, str) else stored.decode("utf-8", "surrogatepass")


def encode_optional(text: str | None) -> Stored | None:
    """Encode a text that may be missing."""
    return None if text is None else encode_text(text)


def _decode_optional(stored: Stored | None) -> str | None:
    return None if stored is None else decode_text(stored)


def encode_time(moment: datetime) -> str:
    """Write a time so that texts sort as times do; one without a zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")


def decode_time(stored: str) -> datetime:
    """Read what ``encode_time`` wrote."""
    return datetime.fromisoformat(stored)


def encode_json(value: Mapping[str, Any]) -> Stored:
    """Write a JSON object. Raises ``StoreError`` for what JSON cannot hold."""
    try:
        # Unescaped: two neighbouring lone surrogates, escaped, would be read back as one character.
        return encode_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"a value cannot be saved as JSON ({error})") from error


def decode_json(stored: Stored) -> dict[str, Any]:
    """Read what ``encode_json`` wrote. Raises ``ValueError``."""
    value = json.loads(decode_text(stored))
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _details_of(message: Message) -> Stored | None:
    details: dict[str, Json] = {}
    if message.attachments:
        details["attachments"] = [dict(attachment) for attachment in message.attachments]
    if message.usage is not None:
        details["usage"] = [
            message.usage.prompt_tokens,
            message.usage.completion_tokens,
            message.usage.cached_tokens,
            message.usage.reasoning_tokens,
        ]
    if message.parameters:
        details["parameters"] = dict(message.parameters)
    if message.prompt_digest is not None:
        details["prompt_digest"] = message.prompt_digest
    if message.summary_of:
        details["summary_of"] = list(message.summary_of)
    if message.extra:
        details["extra"] = dict(message.extra)
    return encode_json(details) if details else None


def message_columns(message: Message) -> tuple[Stored | None, ...]:
    """Return a message's values in the order of ``MESSAGE_COLUMNS``; raises ``StoreError``."""
    return (
        encode_text(message.id),
        encode_text(message.role),
        encode_optional(message.name),
        encode_text(message.content),
        encode_text(message.reasoning),
        message.state.value,
        encode_time(message.created),
        encode_optional(message.model),
        encode_optional(message.finish_reason),
        encode_optional(message.response_id),
        _details_of(message),
    )


def record_columns(record: SessionRecord) -> tuple[Stored | None, ...]:
    """Return a record's values in the order of ``RECORD_COLUMNS``; raises ``StoreError``."""
    return (
        encode_text(record.id),
        encode_text(record.title),
        encode_time(record.created),
        encode_time(record.updated),
        encode_optional(record.name),
        encode_json(record.settings),
        encode_json(record.extra) if record.extra else None,
    )


def message_from(row: Sequence[Any], parent: str | None) -> Message:
    """Build a message from its ``MESSAGE_COLUMNS``. Raises ``DamageError``."""
    (id_, role, name, content, reasoning, state, created, model, finish, response, details) = row
    try:
        rest = decode_json(details) if details is not None else {}
        usage = rest.get("usage")
        return Message(
            id=decode_text(id_),
            parent=parent,
            role=decode_text(role),
            content=decode_text(content),
            created=decode_time(created),
            name=_decode_optional(name),
            reasoning=decode_text(reasoning),
            attachments=tuple(rest.get("attachments", ())),
            state=_STATES[state],
            model=_decode_optional(model),
            finish_reason=_decode_optional(finish),
            usage=None if usage is None else Usage(*usage),
            parameters=rest.get("parameters", {}),
            response_id=_decode_optional(response),
            prompt_digest=rest.get("prompt_digest"),
            summary_of=tuple(rest.get("summary_of", ())),
            extra=rest.get("extra", {}),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamageError(f"a message cannot be read: {error}") from error


def record_from(row: Sequence[Any], head: Stored | None) -> SessionRecord:
    """Build a session's record from its ``RECORD_COLUMNS``. Raises ``DamageError``."""
    id_, title, created, updated, name, settings, extra = row
    try:
        return SessionRecord(
            id=decode_text(id_),
            title=decode_text(title),
            created=decode_time(created),
            updated=decode_time(updated),
            name=_decode_optional(name),
            head=_decode_optional(head),
            settings=decode_json(settings),
            extra={} if extra is None else decode_json(extra),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise DamageError(f"a session cannot be read: {error}") from error


def first_words_of(content: str) -> str:
    """Return the beginning of a text on one line."""
    # Twice the length is enough to cut from, unless it is mostly spaces: then less is shown.
    return " ".join(content[: 2 * _FIRST_WORDS_CHARACTERS].split())[:_FIRST_WORDS_CHARACTERS]


def size_of(message: Message) -> int:
    """Return the bytes of a message's text and reasoning."""
    text = message.content + message.reasoning
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
