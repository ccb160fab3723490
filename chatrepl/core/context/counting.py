"""Token counts of messages: cached, and stored with the messages for later runs."""

import asyncio
from collections.abc import Mapping

from chatrepl.core.context.fitting import BLOCK_TURNS
from chatrepl.core.context.limits import format_of
from chatrepl.core.context.request_body import with_reminder
from chatrepl.core.conversation.attachments import image_tokens
from chatrepl.core.conversation.tree import Turns
from chatrepl.core.messages import Message
from chatrepl.core.ports.chat_model import TokenCounter

_CACHED_TEXTS = 512
_LONG_CHARS = 100_000
"""Texts of this length are counted in a thread."""
_JOIN_CHARS = 2_000
"""Characters to re-encode after a join; BPE merges never reach further."""


class Counts:
    """Caches of token counts by our own vocabularies, without any correction."""

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        # By (message id, encoding); by (message id, encoding, reminder).
        self._contents: dict[tuple[str, str], int] = {}
        self._fresh: dict[tuple[str, str], int] = {}
        self._reminded: dict[tuple[str, str, str], int] = {}
        # By (model, reminder), then by the ids of a span's first and last message.
        self._spans: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
        self._texts: dict[tuple[str, str], int] = {}
        self._encodings: dict[str, str] = {}

    def remember(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Fill the cache with stored counts of contents, by message id and encoding."""
        self._contents.update(counts)

    def take_fresh(self) -> dict[tuple[str, str], int]:
        """Return the counts of contents made since the last call, to be stored."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    async def ahead(self, message: Message, model: str, reminder: str = "") -> None:
        """Count a long message in a thread, so that the next count of it comes from the cache."""
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
        """Count a short text by itself: a role, a name, a system text."""
        key = (text, self._encoding(model))
        if key not in self._texts:
            if len(self._texts) >= _CACHED_TEXTS:
                self._texts.clear()
            self._texts[key] = self._counter.count(*key)
        return self._texts[key]

    def lead(self, lead: str, message: Message, model: str, reminder: str = "") -> int:
        """Count the tokens that a text adds in front of a message's own.

        Tokens may join where the two meet, so this is not the count of the text by itself.
        """
        sent = with_reminder(message, reminder)[:_JOIN_CHARS]
        return self.text(lead + sent, model) - self.text(sent, model)

    def message(self, message: Message, model: str, reminder: str = "") -> int:
        """Count one message as it is sent, with all that the chat format adds to it."""
        form = format_of(model)
        tokens = form.per_message + self.text(message.role, model)
        if message.name:
            tokens += form.per_name + self.text(message.name, model)
        encoding = self._encoding(model)
        tokens += image_tokens(message.attachments)
        return tokens + self._content(message, encoding, reminder)

    def turns(self, turns: Turns, first: int, after: int, model: str, reminder: str = "") -> int:
        """Count all messages of the turns from ``first`` until before ``after``.

        Aligned blocks of turns are cached as one, so a long conversation takes few steps.
        """
        known = self._spans.setdefault((model, reminder), {})
        total = 0
        while first < after:
            is_block = not first % BLOCK_TURNS and first + BLOCK_TURNS <= after
            last = first + BLOCK_TURNS - 1 if is_block else first
            # Messages are immutable and a path is unique, so its two ends identify a span.
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
        """Count a text with the reminder as one, as tokens may join where the two meet."""
        key = (message_id, encoding, reminder)
        if key not in self._reminded:
            self._reminded[key] = self._counter.count(sent, encoding)
        return self._reminded[key]
