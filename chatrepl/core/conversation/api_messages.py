"""Messages in the API's own form."""

from chatrepl.core.conversation.attachments import image_tokens, sent_part, with_files
from chatrepl.core.conversation.metadata import (
    PARTS_FIELD,
    REFUSAL_FIELD,
    TOOL_CALLS_FIELD,
    refusal_of,
)
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message

_TOOL_CALL_ID_FIELD = "tool_call_id"
_AUDIO_FIELD = "audio"
_API_FIELDS = (
    TOOL_CALLS_FIELD,
    _TOOL_CALL_ID_FIELD,
    "function_call",
    REFUSAL_FIELD,
    _AUDIO_FIELD,
)
BEYOND_TEXT = frozenset({PARTS_FIELD, TOOL_CALLS_FIELD, _TOOL_CALL_ID_FIELD, REFUSAL_FIELD})
"""Fields of ``Message.extra`` with which a message is sent as more than its role and text."""
_ATTACHED_TYPES = frozenset({"image_url", "input_audio", "file"})


def has_more_than_text(message: Message) -> bool:
    """Return whether a message holds anything whose tokens no vocabulary counts, as images."""
    has_images = bool(message.attachments and image_tokens(message.attachments))
    return has_images or not BEYOND_TEXT.isdisjoint(message.extra)


def has_parts(message: Message) -> bool:
    """Return whether a message is sent with parts other than text, as images."""
    parts = message.extra.get(PARTS_FIELD)
    if isinstance(parts, list):
        return any(isinstance(part, dict) and "text" not in part for part in parts)
    return any(part.get("type") in _ATTACHED_TYPES for part in message.attachments)


def to_api(message: Message) -> dict[str, Json]:
    """Convert a message to the API's form: attachments become parts, tool calls stay."""
    sent: dict[str, Json] = {"role": message.role, "content": _content(message)}
    if message.name:
        sent["name"] = message.name
    for field in _API_FIELDS:
        if message.extra.get(field) is not None:
            sent[field] = message.extra[field]
    if refusal := refusal_of(message):
        # This program keeps a refusal in the content, the API apart from it.
        text = message.content.removesuffix(refusal)
        sent |= {REFUSAL_FIELD: refusal, "content": text or None}
    return sent


def _content(message: Message) -> Json:
    parts = message.extra.get(PARTS_FIELD)
    if isinstance(parts, list):
        return parts
    attached: list[Json] = [
        sent_part(part) for part in message.attachments if part.get("type") in _ATTACHED_TYPES
    ]
    content = with_files(message)
    if attached:
        text: list[Json] = [{"type": "text", "text": content}] if content else []
        return text + attached
    if not message.content and (TOOL_CALLS_FIELD in message.extra or _AUDIO_FIELD in message.extra):
        return None
    return content
