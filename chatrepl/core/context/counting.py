"""Count what messages are in tokens, each text once; counts come from the disk and go there."""

import asyncio
from collections.abc import Mapping

from chatrepl.core.context.fitting import BLOCK_TURNS
from chatrepl.core.context.limits import format_of
from chatrepl.core.context.request_body import with_reminder
from chatrepl.core.conversation.attachments import image_tokens
from chatrepl.core.conversation.tree import Turns
from chatrepl.core.messages import Message
from chatrepl.core.ports.chat_model import TokenCounter

__all__ = ["Counts"]

_SMALL_CACHE = 512
_LONG_CHARS = 100_000
_SEAM_CHARS = 2_000
"""How far what stands before a text may change how it is cut into tokens, and far more."""


class Counts:
    """Knows what everything counts by the vocabularies that are here. Holds caches only."""

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self._contents: dict[tuple[str, str], int] = {}
        self._fresh: dict[tuple[str, str], int] = {}
        self._reminded: dict[tuple[str, str, str], int] = {}
        self._spans: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
        self._texts: dict[tuple[str, str], int] = {}
        self._encodings: dict[str, str] = {}

    def remember(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Take counts of contents that were made before, by message id and encoding."""
        self._contents.update(counts)

    def take_fresh(self) -> dict[tuple[str, str], int]:
        """Return the counts of contents made since the last call, to be kept with the messages."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    async def ahead(self, message: Message, model: str, reminder: str = "") -> None:
        """Count a long message in a thread, so that it takes no time when it is counted next."""
        sent = with_reminder(message, reminder)
        if len(sent) < _LONG_CHARS:
            return
        encoding = self._encoding(model)
        tokens = await asyncio.to_thread(self._counter.count, sent, encoding)
        if sent is message.content:
            self._contents[message.id, encoding] = self._fresh[message.id, encoding] = tokens
        else:
            self._reminded[message.id, encoding, reminder] = tokens

    def text(self, text: str, model: str) -> int:
        """Count a text by itself: a role, a name, a system text."""
        key = (text, self._encoding(model))
        if key not in self._texts:
            if len(self._texts) >= _SMALL_CACHE:
                self._texts.clear()
            self._texts[key] = self._counter.count(*key)
        return self._texts[key]

    def lead(self, lead: str, message: Message, model: str, reminder: str = "") -> int:
        """Count what a text before a message's own adds to it; at the seam tokens may join."""
        sent = with_reminder(message, reminder)[:_SEAM_CHARS]
        return self.text(lead + sent, model) - self.text(sent, model)

    def message(self, message: Message, model: str, reminder: str = "") -> int:
        """Count one message as it would be sent, with all that the chat format adds to it."""
        form = format_of(model)
        tokens = form.per_message + self.text(message.role, model)
        if message.name:
            tokens += form.per_name + self.text(message.name, model)
        encoding = self._encoding(model)
        tokens += image_tokens(message.attachments)
        return tokens + self._content(message, encoding, reminder)

    def turns(self, turns: Turns, first: int, after: int, model: str, reminder: str = "") -> int:
        """Count all messages of the turns from ``first`` until before ``after``, in few steps."""
        known = self._spans.setdefault((model, reminder), {})
        total = 0
        while first < after:
            whole = not first % BLOCK_TURNS and first + BLOCK_TURNS <= after
            last = first + BLOCK_TURNS - 1 if whole else first
            ends = turns.first_id(first), turns.last_id(last)
            if ends not in known:
                messages = turns.messages(first, last + 1)
                known[ends] = sum(self.message(message, model, reminder) for message in messages)
            total += known[ends]
            first = last + 1
        return total

    def _encoding(self, model: str) -> str:
        if model not in self._encodings:
            self._encodings[model] = self._counter.encoding_for(model)[0]
        return self._encodings[model]

    def _content(self, message: Message, encoding: str, reminder: str) -> int:
        sent = with_reminder(message, reminder)
        if sent is not message.content:
            return self._with_reminder(message.id, sent, encoding, reminder)
        key = (message.id, encoding)
        if key not in self._contents:
            tokens = self._counter.count(message.content, encoding)
            if not message.id:
                return tokens
            self._contents[key] = self._fresh[key] = tokens
        return self._contents[key]

    def _with_reminder(self, message_id: str, sent: str, encoding: str, reminder: str) -> int:
        """Count a text with the reminder: at the seam tokens may join, so the sum would not do."""
        key = (message_id, encoding, reminder)
        if key not in self._reminded:
            self._reminded[key] = self._counter.count(sent, encoding)
        return self._reminded[key]
