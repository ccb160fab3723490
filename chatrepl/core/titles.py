"""Titles of sessions, made of what was said first."""

from collections.abc import Iterable

from chatrepl.core.messages import Message

__all__ = ["title_of"]

_TITLE_CHARS = 60


def title_of(messages: Iterable[Message]) -> str:
    """Make a title of the first user message that says anything, cut at a word; else empty."""
    texts = (message.content[:400] for message in messages if message.role == "user")
    words = next((words for words in map(str.split, texts) if words), [])
    title = ""
    for word in words:
        if len(title) + 1 + len(word) > _TITLE_CHARS:
            return (title or word[: _TITLE_CHARS - 1]) + "…"
        title = f"{title} {word}".lstrip()
    return title
