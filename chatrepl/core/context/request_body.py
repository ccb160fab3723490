"""Write messages as they travel: the system text in its form, the reminder in its places."""

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chatrepl.core.conversation.attachments import image_tokens, with_files
from chatrepl.core.conversation.outcomes import placeholder_text
from chatrepl.core.messages import Json, Message
from chatrepl.core.settings.kinds import EXAMPLE_FIELD
from chatrepl.core.text.surrogates import valid_text

__all__ = ["SEAM", "BodyWriter", "has_more_than_text", "with_reminder"]

SEAM = "\n\n"
_STEP_MESSAGES = 2_000

_BEYOND_TEXT = frozenset({"parts", "tool_calls", "tool_call_id", "refusal"})
"""Keys of ``Message.extra``; without them, what knows the API's form need not be loaded."""


def has_more_than_text(message: Message) -> bool:
    """Say whether something travels with a message that no vocabulary counts, as images do."""
    return bool(message.attachments and image_tokens(message.attachments)) or not (
        _BEYOND_TEXT.isdisjoint(message.extra)
    )


def with_reminder(message: Message, reminder: str) -> str:
    """Return a message's text as sent: attached texts and the reminder follow what was written."""
    content = with_files(message)
    if not content and message.extra and message.role == "assistant":
        return placeholder_text(message)
    if not reminder or message.role != "user" or message.summary_of or not message.id:
        return content
    return f"{content}{SEAM}{reminder}"


def _first_of_path(sent: Sequence[Message]) -> int:
    """Find where the conversation begins, below system text and examples."""
    return next((at for at, message in enumerate(sent) if message.id), len(sent))


def _is_folded(sent: Sequence[Message]) -> bool:
    """Say whether the system text, which comes first, goes into the first user message."""
    return (
        len(sent) > 1
        and not sent[0].id
        and EXAMPLE_FIELD not in sent[0].extra
        and sent[0].role == "user"
        and any(message.role == "user" for message in sent[1:])
    )


class BodyWriter:
    """Writes the ``messages`` of requests; those of the request before are not written again.

    What it returned is never changed by it, nor may it be by others.
    """

    def __init__(self) -> None:
        self._reminder = ""
        self._sent: Sequence[Message] = ()
        self._written: list[Json] = []

    def messages_of(self, sent: Sequence[Message], reminder: str) -> list[Json]:
        """Write the ``messages`` of a request."""
        lead = ""
        if _is_folded(sent):
            lead, sent = sent[0].content + SEAM, sent[1:]
        first = _first_of_path(sent)
        path = self._path(sent[first:], reminder)
        written = [*_written(sent[:first], 0, reminder), *path]
        if lead:
            at = next(at for at, message in enumerate(sent) if message.role == "user")
            written[at] = _one(sent, at, reminder, lead)
        return written

    async def ahead(self, sent: Sequence[Message], reminder: str) -> None:
        """Write what a request is likely to hold, in steps; gives way to a request that comes."""
        path = sent[_first_of_path(sent) :]
        start = self._same(path) if reminder == self._reminder else 0
        for end in range(start + _STEP_MESSAGES, len(path) + _STEP_MESSAGES, _STEP_MESSAGES):
            written = self._path(path[:end], reminder)
            await asyncio.sleep(0)
            if self._written is not written:
                return

    def _path(self, sent: Sequence[Message], reminder: str) -> list[Json]:
        """Write the conversation, which mostly begins as it did the last time."""
        same = self._same(sent) if reminder == self._reminder else 0
        # What one message becomes may depend on the next.
        kept = max(0, same - 1)
        self._written = [*self._written[:kept], *_written(sent, kept, reminder)]
        self._sent, self._reminder = sent, reminder
        return self._written

    def _same(self, sent: Sequence[Message]) -> int:
        """Count the messages at the beginning that are those of the last time."""
        length = min(len(sent), len(self._sent))
        if sent[:length] == self._sent[:length]:
            return length
        both = zip(self._sent, sent, strict=False)
        return next((at for at, (old, new) in enumerate(both) if old is not new), length)


def _written(sent: Sequence[Message], start: int, reminder: str) -> list[Json]:
    """Write the messages from an index on; in a long conversation, most are plain."""
    if reminder:
        return [_one(sent, at, reminder) for at in range(start, len(sent))]
    beyond = _BEYOND_TEXT
    with _without_collector():
        return [
            _one(sent, at, reminder)
            if message.name
            or message.attachments
            or (message.extra and not beyond.isdisjoint(message.extra))
            else {"role": message.role, "content": _sendable(message.content)}
            for at, message in enumerate(sent[start:], start)
        ]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Let nobody look for garbage: among so many new objects it costs more than making them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _one(sent: Sequence[Message], at: int, reminder: str, lead: str = "") -> Json:
    """Write one message, with what goes before its text."""
    message = sent[at]
    content = _sendable(lead + with_reminder(message, reminder))
    one: dict[str, Json] = {"role": message.role, "content": content}
    if message.name:
        one["name"] = message.name
    if message.attachments or not _BEYOND_TEXT.isdisjoint(message.extra):
        is_answered = any(after.role == "tool" for after in sent[at + 1 : at + 2])
        one.update(_more_than_text(message, content, with_calls=is_answered))
    return one


def _sendable(text: str) -> str:
    """Replace what no request can hold; it may be in what was imported."""
    return text if text.isascii() else valid_text(text)[0]


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
