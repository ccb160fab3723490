"""Titles of sessions and first words of messages: a line that stands for a long text."""

from collections.abc import Iterable

from chatrepl.core.messages import Message

__all__ = ["first_words", "title_of"]

_TITLE_CHARS = 60
_READ_CHARS = 400


def title_of(messages: Iterable[Message]) -> str:
    """Make a title of the first user message that says anything, cut at a word; else empty."""
    texts = (message.content[:_READ_CHARS] for message in messages if message.role == "user")
    words = next((words for words in map(str.split, texts) if words), [])
    title = ""
    for word in words:
        if len(title) + 1 + len(word) > _TITLE_CHARS:
            return (title or word[: _TITLE_CHARS - 1]) + "…"
        title = f"{title} {word}".lstrip()
    return title


def first_words(text: str, most_chars: int) -> str:
    """Put a text's beginning on one line of no more characters than that, cut by ``…``."""
    words = " ".join(text[:_READ_CHARS].split())
    return words if len(words) <= most_chars else words[: most_chars - 1] + "…"
