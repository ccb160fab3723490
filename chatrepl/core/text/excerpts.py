"""Excerpts of texts: titles of sessions, first words of messages, code blocks."""

import re
from collections.abc import Iterable

from chatrepl.core.messages import Message

_TITLE_CHARS = 60
_READ_CHARS = 400
"""Characters read for one line, so that a long text costs no more than a short one."""


def title_of(messages: Iterable[Message]) -> str:
    """Return a title from the first user message with any words, cut at a word; else empty."""
    texts = (message.content[:_READ_CHARS] for message in messages if message.role == "user")
    words = next((words for words in map(str.split, texts) if words), [])
    title = ""
    for word in words:
        if len(title) + 1 + len(word) > _TITLE_CHARS:
            return (title or word[: _TITLE_CHARS - 1]) + "…"
        title = f"{title} {word}".lstrip()
    return title


def first_words(text: str, most_chars: int) -> str:
    """Return a text's beginning on one line of at most ``most_chars``, cut by ``…``."""
    words = " ".join(text[:_READ_CHARS].split())
    return words if len(words) <= most_chars else words[: most_chars - 1] + "…"


# Before a fence, quotes and list items may put their marks, each with its blanks.
_CONTAINERS = r"(?P<lead>(?:[ \t]*(?:>|[-*+][ \t]|[0-9]{1,9}[.)][ \t]))*[ \t]*)"
_OPENING = re.compile(_CONTAINERS + r"(?P<fence>`{3,}(?=[^`]*$)|~{3,})")
_QUOTE = re.compile(r"[ \t]*>[ ]?")


def code_blocks(text: str) -> list[str]:
    """Return the code of each fenced block in order, without the marks of quotes and lists.

    A block that is not closed extends to the text's end.
    """
    blocks: list[str] = []
    code: list[str] | None = None
    opening: re.Match[str] | None = None
    for line in text.split("\n"):
        if code is None or opening is None:
            opening = _OPENING.match(line)
            code = [] if opening else None
            continue
        plain = _without_lead(line, opening["lead"])
        if _closes(plain, opening["fence"]):
            blocks.append("\n".join(code))
            code = None
        else:
            code.append(plain)
    return blocks if code is None else [*blocks, "\n".join(code).removesuffix("\n")]


def _without_lead(line: str, lead: str) -> str:
    """Remove the quotes' marks, and as many blanks as the fence is indented by."""
    for _ in range(lead.count(">")):
        line = _QUOTE.sub("", line, count=1) if _QUOTE.match(line) else line
    inside = lead.rpartition(">")[2]
    width = len(inside.removeprefix(" ")) if ">" in lead else len(inside)
    blanks = len(line) - len(line.lstrip(" \t"))
    return line[min(width, blanks) :]


def _closes(line: str, fence: str) -> bool:
    bare = line.strip(" \t")
    if line.startswith("    "):
        return False
    return len(bare) >= len(fence) and not bare.strip(fence[0])
