"""Write messages as they travel: the system text in its form, the reminder in its places."""

from collections.abc import Sequence
from datetime import datetime

from chatrepl.core.attachments import with_files
from chatrepl.core.messages import Json, Message

__all__ = ["SEAM", "example_message", "is_folded", "messages_of", "with_reminder"]

SEAM = "\n\n"
_EXAMPLE = "example"

_BEYOND_TEXT = frozenset({"parts", "tool_calls", "tool_call_id"})
"""Keys of ``Message.extra``; without them, what knows the API's form need not be loaded."""


def example_message(role: str, content: str, now: datetime) -> Message:
    """Make a message that opens the conversation and is no part of it."""
    return Message("", None, role, content, now, extra={_EXAMPLE: True})


def with_reminder(message: Message, reminder: str) -> str:
    """Return a message's text as sent: attached texts and the reminder follow what was written."""
    content = with_files(message)
    if not reminder or message.role != "user" or message.summary_of or not message.id:
        return content
    return f"{content}{SEAM}{reminder}"


def is_folded(sent: Sequence[Message]) -> bool:
    """Say whether the system text, which comes first, goes into the first user message."""
    return (
        len(sent) > 1
        and not sent[0].id
        and _EXAMPLE not in sent[0].extra
        and sent[0].role == "user"
        and any(message.role == "user" for message in sent[1:])
    )


def messages_of(sent: Sequence[Message], reminder: str) -> list[Json]:
    """Write the ``messages`` of a request."""
    lead = ""
    if is_folded(sent):
        lead, sent = sent[0].content + SEAM, sent[1:]
    written: list[Json] = []
    for at, message in enumerate(sent):
        content = message.content
        if reminder or message.attachments:
            content = with_reminder(message, reminder)
        if lead and message.role == "user":
            content, lead = lead + content, ""
        one: dict[str, Json] = {"role": message.role, "content": content}
        if message.name:
            one["name"] = message.name
        if message.attachments or not _BEYOND_TEXT.isdisjoint(message.extra):
            is_answered = any(after.role == "tool" for after in sent[at + 1 : at + 2])
            one.update(_more_than_text(message, content, with_calls=is_answered))
        written.append(one)
    return written


def _more_than_text(message: Message, content: str, *, with_calls: bool) -> dict[str, Json]:
    """Write what an imported message has beside its text, where the API takes it back.

    It refuses calls of tools that nothing answers.
    """
    from chatrepl.core.transcript.api import to_api

    sent = to_api(message)
    more: dict[str, Json] = {}
    parts = sent["content"]
    if isinstance(parts, list) and content == message.content:
        more["content"] = parts
    elif isinstance(parts, list):
        # What stands around the text travels with it, and so do the parts that are no text.
        others = [part for part in parts if not (isinstance(part, dict) and "text" in part)]
        more["content"] = [{"type": "text", "text": content}, *others]
    calls = sent.get("tool_calls")
    if isinstance(calls, list) and with_calls:
        more |= {"tool_calls": calls, "content": message.content or None}
    if isinstance(sent.get("tool_call_id"), str):
        more["tool_call_id"] = sent["tool_call_id"]
    return more
