"""What goes with a message beside its words: text files, web pages, images.

An attachment is a content part of the API with a ``name`` of ours. Texts travel inside the
message, fenced, for every server takes those; images travel as parts.
"""

import re
from collections.abc import Mapping, Sequence

from chatrepl.core.messages import Json, Message

__all__ = [
    "Attachment",
    "image_attachment",
    "image_tokens",
    "in_short",
    "name_of",
    "sent_part",
    "size_of",
    "text_attachment",
    "text_of",
    "unmentioned",
    "with_files",
]

Attachment = Mapping[str, Json]

_NAME, _TOKENS = "name", "tokens"
_TICKS = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"\.([A-Za-z]\w{0,9})$")
_MOST_SUMMARISED_CHARS = 8000
_USUAL_IMAGE_TOKENS = 765
"""What OpenAI counts for an image of 1024 by 1024 pixels."""


def text_attachment(name: str, text: str) -> dict[str, Json]:
    """Make an attachment of a text."""
    return {"type": "text", _NAME: name, "text": text}


def image_attachment(name: str, data_url: str, tokens: int) -> dict[str, Json]:
    """Make an attachment of an image; ``tokens`` is what it will about count."""
    return {"type": "image_url", _NAME: name, _TOKENS: tokens, "image_url": {"url": data_url}}


def name_of(attachment: Attachment) -> str:
    """Return what to call an attachment: its name, else its kind."""
    return str(attachment.get(_NAME) or attachment.get("type") or "attachment")


def text_of(attachment: Attachment) -> str | None:
    """Return the text that travels inside the message; None: it is no text."""
    text = attachment.get("text") if attachment.get("type") == "text" else None
    return text if isinstance(text, str) else None


def fenced_text(attachment: Attachment) -> str:
    """Write a text attachment as it stands in the message: its name, and a fence around it."""
    text = text_of(attachment) or ""
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    language = _LANGUAGE.search(name_of(attachment))
    end = "" if text.endswith("\n") or not text else "\n"
    return f"{name_of(attachment)}:\n{fence}{language[1] if language else ''}\n{text}{end}{fence}"


def with_files(message: Message) -> str:
    """Return a message's text with its text attachments behind it, as the model gets it."""
    if not message.attachments:
        return message.content
    texts = [fenced_text(one) for one in message.attachments if text_of(one) is not None]
    if not texts:
        return message.content
    return "\n\n".join([message.content, *texts] if message.content else texts)


def in_short(message: Message) -> str:
    """Return a message's text for a summary: long attachments cut with a mark, images by name."""
    parts = [message.content] if message.content else []
    for one in message.attachments:
        text = text_of(one)
        if text is None:
            parts.append(f"[attached: {name_of(one)}]")
            continue
        left_out = len(text) - _MOST_SUMMARISED_CHARS
        if left_out > 0:
            text = f"{text[:_MOST_SUMMARISED_CHARS]}\n[… {left_out:,} more characters]"
        parts.append(fenced_text({**one, "text": text}))
    return "\n\n".join(parts)


def image_tokens(attachments: Sequence[Attachment]) -> int:
    """Add up what images will about count."""
    total = 0
    for attachment in attachments:
        if attachment.get("type") == "image_url":
            tokens = attachment.get(_TOKENS)
            total += tokens if type(tokens) is int and tokens > 0 else _USUAL_IMAGE_TOKENS
    return total


def sent_part(attachment: Attachment) -> dict[str, Json]:
    """Return an attachment as the API takes it, without what this program noted of it."""
    if attachment.get("type") != "image_url":
        return dict(attachment)
    return {key: value for key, value in attachment.items() if key not in (_NAME, _TOKENS)}


def unmentioned(message: Message) -> tuple[Attachment, ...]:
    """Return the attachments that the message's own words do not name by ``@path``."""
    words = message.content
    return tuple(
        one
        for one in message.attachments
        if f"@{name_of(one)}" not in words and f'@"{name_of(one)}"' not in words
    )


def size_of(attachment: Attachment) -> int:
    """Return how large an attachment is, in bytes."""
    text = text_of(attachment)
    if text is not None:
        return len(text.encode("utf-8", "replace"))
    image = attachment.get("image_url")
    url = str(image.get("url") or "") if isinstance(image, dict) else ""
    return len(url.partition(",")[2]) * 3 // 4
