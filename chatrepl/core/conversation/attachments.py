"""Attachments of messages: text files, web pages, images.

An attachment is a content part of the API with a ``name`` of ours. Texts are sent inside the
message's text, fenced, as every server accepts that; images are sent as parts.
"""

import re
from collections.abc import Mapping, Sequence

from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message

Attachment = Mapping[str, Json]

_NAME, _TOKENS = "name", "tokens"
_TICKS = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"\.([A-Za-z]\w{0,9})$")
_MAX_SUMMARISED_CHARS = 8000
_USUAL_IMAGE_TOKENS = 765
"""OpenAI's count for an image of 1024 by 1024 pixels."""


def text_attachment(name: str, text: str) -> dict[str, Json]:
    """Return an attachment of a text."""
    return {"type": "text", _NAME: name, "text": text}


def image_attachment(name: str, data_url: str, tokens: int) -> dict[str, Json]:
    """Return an attachment of an image; ``tokens`` is an estimate of its count."""
    return {"type": "image_url", _NAME: name, _TOKENS: tokens, "image_url": {"url": data_url}}


def name_of(attachment: Attachment) -> str:
    """Return an attachment's name, else its type."""
    return str(attachment.get(_NAME) or attachment.get("type") or "attachment")


def text_of(attachment: Attachment) -> str | None:
    """Return a text attachment's text; None for other types."""
    text = attachment.get("text") if attachment.get("type") == "text" else None
    return text if isinstance(text, str) else None


def fenced_text(attachment: Attachment) -> str:
    """Return a text attachment as it is sent: its name, and its text in a fence."""
    text = text_of(attachment) or ""
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    language = _LANGUAGE.search(name_of(attachment))
    end = "" if text.endswith("\n") or not text else "\n"
    return f"{name_of(attachment)}:\n{fence}{language[1] if language else ''}\n{text}{end}{fence}"


def with_files(message: Message) -> str:
    """Return a message's text followed by its text attachments, as the model gets it."""
    if not message.attachments:
        return message.content
    texts = [fenced_text(file) for file in message.attachments if text_of(file) is not None]
    if not texts:
        return message.content
    return "\n\n".join([message.content, *texts] if message.content else texts)


def shortened_text(message: Message) -> str:
    """Return a message's text for a summary: long attachments cut with a mark, images by name."""
    parts = [message.content] if message.content else []
    for attachment in message.attachments:
        text = text_of(attachment)
        if text is None:
            parts.append(f"[attached: {name_of(attachment)}]")
            continue
        left_out = len(text) - _MAX_SUMMARISED_CHARS
        if left_out > 0:
            text = f"{text[:_MAX_SUMMARISED_CHARS]}\n[… {left_out:,} more characters]"
        parts.append(fenced_text({**attachment, "text": text}))
    return "\n\n".join(parts)


def image_tokens(attachments: Sequence[Attachment]) -> int:
    """Estimate the tokens of all images."""
    total = 0
    for attachment in attachments:
        if attachment.get("type") == "image_url":
            tokens = attachment.get(_TOKENS)
            total += tokens if type(tokens) is int and tokens > 0 else _USUAL_IMAGE_TOKENS
    return total


def sent_part(attachment: Attachment) -> dict[str, Json]:
    """Return an attachment as the API accepts it, without this program's own fields."""
    if attachment.get("type") != "image_url":
        return dict(attachment)
    return {key: value for key, value in attachment.items() if key not in (_NAME, _TOKENS)}


def unmentioned(message: Message) -> tuple[Attachment, ...]:
    """Return the attachments that the message's text does not mention as ``@path``."""
    words = message.content
    return tuple(
        attachment
        for attachment in message.attachments
        if f"@{name_of(attachment)}" not in words and f'@"{name_of(attachment)}"' not in words
    )


def size_of(attachment: Attachment) -> int:
    """Return an attachment's size in bytes, of an image as decoded."""
    text = text_of(attachment)
    if text is not None:
        return len(text.encode("utf-8", "replace"))
    image = attachment.get("image_url")
    url = str(image.get("url") or "") if isinstance(image, dict) else ""
    return len(url.partition(",")[2]) * 3 // 4
