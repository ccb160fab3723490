"""The ``messages`` of request bodies, with the system text and the reminder in their places."""

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chatrepl.core.conversation.api_messages import BEYOND_TEXT, has_parts, to_api
from chatrepl.core.conversation.attachments import with_files
from chatrepl.core.conversation.outcomes import placeholder_text
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message
from chatrepl.core.settings.kinds import EXAMPLE_FIELD
from chatrepl.core.text.surrogates import valid_text

SEAM = "\n\n"
"""The text between the parts of a message's content."""
_STEP_MESSAGES = 2_000


def with_reminder(message: Message, reminder: str) -> str:
    """Return a message's text as sent, with attached texts and, for a user's, the reminder.

    It is blank only where other parts stand beside it.
    """
    content = with_files(message)
    if _is_blank(content) and not has_parts(message):
        content = placeholder_text(message)
    if not reminder or message.role != "user" or message.summary_of or not message.id:
        return content
    return f"{content}{SEAM}{reminder}"


def _is_blank(text: str) -> bool:
    return not text or text.isspace()


def _first_of_path(sent: Sequence[Message]) -> int:
    """Return the index at which the conversation begins, after system text and examples."""
    return next((at for at, message in enumerate(sent) if message.id), len(sent))


def _is_folded(sent: Sequence[Message]) -> bool:
    """Return whether the first message is a system text to go into the first user message."""
    return (
        len(sent) > 1
        and not sent[0].id
        and EXAMPLE_FIELD not in sent[0].extra
        and sent[0].role == "user"
        and any(message.role == "user" for message in sent[1:])
    )


class BodyWriter:
    """Writes the ``messages`` of requests, reusing those of the request before.

    The returned values are shared between requests, so they must not be changed.
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
        written = [*_message_bodies(sent[:first], 0, reminder), *path]
        if lead:
            at = next(at for at, message in enumerate(sent) if message.role == "user")
            written[at] = _message_body(sent, at, reminder, lead)
        return written

    async def ahead(self, sent: Sequence[Message], reminder: str) -> None:
        """Write the messages of the next request in advance, in steps.

        Stops when a request is written meanwhile.
        """
        path = sent[_first_of_path(sent) :]
        start = self._common_length(path) if reminder == self._reminder else 0
        for end in range(start + _STEP_MESSAGES, len(path) + _STEP_MESSAGES, _STEP_MESSAGES):
            written = self._path(path[:end], reminder)
            await asyncio.sleep(0)
            if self._written is not written:
                return

    def _path(self, sent: Sequence[Message], reminder: str) -> list[Json]:
        """Write the conversation, reusing the messages that it has in common with the last one."""
        common = self._common_length(sent) if reminder == self._reminder else 0
        # The form of a message may depend on the next one, so the last in common is written anew.
        reused = max(0, common - 1)
        self._written = [*self._written[:reused], *_message_bodies(sent, reused, reminder)]
        self._sent, self._reminder = sent, reminder
        return self._written

    def _common_length(self, sent: Sequence[Message]) -> int:
        """Count the messages at the beginning that are the same objects as the last time."""
        length = min(len(sent), len(self._sent))
        # The fast test for the usual case; lists compare their items by identity first.
        if sent[:length] == self._sent[:length]:
            return length
        both = zip(self._sent, sent, strict=False)
        return next((at for at, (old, new) in enumerate(both) if old is not new), length)


def _message_bodies(sent: Sequence[Message], start: int, reminder: str) -> list[Json]:
    """Write the messages from an index on.

    A conversation may have 100,000 messages; most are plain, and are written without a call each.
    """
    if reminder:
        return [_message_body(sent, at, reminder) for at in range(start, len(sent))]
    with _without_collector():
        return [
            _message_body(sent, at, reminder)
            if message.name
            or message.attachments
            or _is_blank(message.content)
            or (message.extra and not BEYOND_TEXT.isdisjoint(message.extra))
            else {"role": message.role, "content": _sendable(message.content)}
            for at, message in enumerate(sent[start:], start)
        ]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Disable garbage collection while many message dicts are built.

    It would walk all of them again and again, which takes longer than building them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _message_body(sent: Sequence[Message], at: int, reminder: str, lead: str = "") -> Json:
    """Write one message; ``lead`` is a system text to stand before its own."""
    message = sent[at]
    content = _sendable(lead + with_reminder(message, reminder))
    body: dict[str, Json] = {"role": message.role, "content": content}
    if message.name:
        body["name"] = message.name
    if message.attachments or not BEYOND_TEXT.isdisjoint(message.extra):
        is_answered = any(after.role == "tool" for after in sent[at + 1 : at + 2])
        body.update(_more_than_text(message, content, with_calls=is_answered))
    return body


def _sendable(text: str) -> str:
    """Replace lone surrogates, which imported texts may hold and no request can."""
    return text if text.isascii() else valid_text(text)


def _more_than_text(message: Message, content: str, *, with_calls: bool) -> dict[str, Json]:
    """Return a message's fields other than plain text, as far as the API accepts them.

    ``content`` is the text as sent. The API refuses calls of tools that no message answers.
    """
    sent = to_api(message)
    more: dict[str, Json] = {}
    parts = sent["content"]
    if isinstance(parts, list):
        if content != message.content:
            # The parts hold the message's own text: it is replaced by the text as sent.
            others = [part for part in parts if not (isinstance(part, dict) and "text" in part)]
            parts = [{"type": "text", "text": content}, *others]
        more["content"] = [part for part in parts if not _is_blank_part(part)] or content
    calls = sent.get("tool_calls")
    if isinstance(calls, list) and with_calls:
        more |= {"tool_calls": calls, "content": None if _is_blank(message.content) else content}
    if isinstance(sent.get("tool_call_id"), str):
        more["tool_call_id"] = sent["tool_call_id"]
    return more


def _is_blank_part(part: Json) -> bool:
    text = part.get("text") if isinstance(part, dict) else None
    return isinstance(text, str) and _is_blank(text)
