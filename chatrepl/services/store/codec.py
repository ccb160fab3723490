"""Lossless conversion of messages and sessions to database columns and back.

Text with lone surrogates, which UTF-8 cannot hold, is stored as bytes (SQLite's BLOB) instead of
TEXT, so that every string survives the round trip.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any

from chatrepl.core.errors import StoreError
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, SessionRecord, SessionServer, State, Usage

Stored = str | bytes

MESSAGE_COLUMNS = (
    "id, role, name, content, reasoning, state, created, model, finish_reason, response_id, details"
)
RECORD_COLUMNS = "id, title, created, updated, name, settings, extra"

_STATES = {state.value: state for state in State}
_FIRST_WORDS_CHARACTERS = 120
_SERVER = "server"
"""Key of the session's server among its stored settings; no setting has this name."""


class DamageError(Exception):
    """A row that SQLite reads but that decodes to no valid record: the file is damaged."""


def encode_text(text: str) -> Stored:
    """Return the text itself, or its bytes (surrogates passed) if it holds lone surrogates."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def decode_text(stored: Stored) -> str:
    """Invert ``encode_text``."""
    return stored if isinstance(stored, str) else stored.decode("utf-8", "surrogatepass")


def encode_optional(text: str | None) -> Stored | None:
    """Encode a text that may be None."""
    return None if text is None else encode_text(text)


def decode_optional(stored: Stored | None) -> str | None:
    """Invert ``encode_optional``."""
    return None if stored is None else decode_text(stored)


def encode_time(moment: datetime) -> str:
    """Format a time as UTC text that sorts chronologically; a naive time is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")


def decode_time(stored: str) -> datetime:
    """Invert ``encode_time``. Raises ``ValueError``."""
    return datetime.fromisoformat(stored)


def encode_json(value: Mapping[str, Any]) -> Stored:
    """Serialise a JSON object. Raises ``StoreError`` for values that JSON cannot hold."""
    try:
        # Not as \u escapes: two adjacent lone surrogates would be read back as one character.
        return encode_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"a value cannot be saved as JSON ({error})") from error


def decode_json(stored: Stored) -> dict[str, Any]:
    """Invert ``encode_json``. Raises ``ValueError``."""
    value = json.loads(decode_text(stored))
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _details_of(message: Message) -> Stored | None:
    """Serialise the rarely used fields into one JSON column; None if all are empty."""
    fields: dict[str, Json] = {
        "attachments": [dict(attachment) for attachment in message.attachments],
        "usage": None if message.usage is None else list(astuple(message.usage)),
        "parameters": dict(message.parameters),
        "prompt_digest": message.prompt_digest,
        "summary_of": list(message.summary_of),
        "extra": dict(message.extra),
    }
    details = {name: value for name, value in fields.items() if value not in (None, [], {})}
    return encode_json(details) if details else None


def message_columns(message: Message) -> tuple[Stored | None, ...]:
    """Return a message's values in the order of ``MESSAGE_COLUMNS``. Raises ``StoreError``."""
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
    """Return a session's values in the order of ``RECORD_COLUMNS``. Raises ``StoreError``."""
    return (
        encode_text(record.id),
        encode_text(record.title),
        encode_time(record.created),
        encode_time(record.updated),
        encode_optional(record.name),
        encode_json(_stored_settings(record)),
        encode_json(record.extra) if record.extra else None,
    )


def _stored_settings(record: SessionRecord) -> dict[str, Json]:
    """Return the settings with the session's server; one among imported settings is left out."""
    stored = {key: value for key, value in record.settings.items() if key != _SERVER}
    if record.server is not None:
        stored[_SERVER] = {"host": record.server.host, "profile": record.server.profile}
    return stored


def _server_from(stored: Json) -> SessionServer | None:
    if not isinstance(stored, dict):
        return None
    host, profile = stored.get("host"), stored.get("profile")
    if not isinstance(host, str):
        return None
    return SessionServer(host, profile if isinstance(profile, str) else None)


def message_from(row: Sequence[Any], parent: str | None) -> Message:
    """Build a message from its ``MESSAGE_COLUMNS`` and its parent's id. Raises ``DamageError``."""
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
            name=decode_optional(name),
            reasoning=decode_text(reasoning),
            attachments=tuple(rest.get("attachments", ())),
            state=_STATES[state],
            model=decode_optional(model),
            finish_reason=decode_optional(finish),
            usage=None if usage is None else Usage(*usage),
            parameters=rest.get("parameters", {}),
            response_id=decode_optional(response),
            prompt_digest=rest.get("prompt_digest"),
            summary_of=tuple(rest.get("summary_of", ())),
            extra=rest.get("extra", {}),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamageError(f"a message cannot be read: {error}") from error


def record_from(row: Sequence[Any], head: Stored | None) -> SessionRecord:
    """Build a session record from its ``RECORD_COLUMNS`` and its head's message id.

    Raises ``DamageError``.
    """
    id_, title, created, updated, name, settings, extra = row
    try:
        values = decode_json(settings)
        server = _server_from(values.pop(_SERVER, None))
        return SessionRecord(
            id=decode_text(id_),
            title=decode_text(title),
            created=decode_time(created),
            updated=decode_time(updated),
            name=decode_optional(name),
            head=decode_optional(head),
            settings=values,
            extra={} if extra is None else decode_json(extra),
            server=server,
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise DamageError(f"a session cannot be read: {error}") from error


def first_words_of(content: str) -> str:
    """Return the first 120 characters of a text on one line, white space collapsed."""
    # Collapses at most twice as much text: cheap for long messages, shorter for mostly blank ones.
    return " ".join(content[: 2 * _FIRST_WORDS_CHARACTERS].split())[:_FIRST_WORDS_CHARACTERS]


def utf8_bytes(text: str) -> int:
    """Return the length of a text in UTF-8, a lone surrogate counted as three bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
