"""Writes a transcript as Markdown for people to read."""

import re
from collections.abc import Iterator

from chatrepl.core.conversation.outcomes import said_in
from chatrepl.core.messages import Message
from chatrepl.core.transcript.headings import facts_of, hidden_note, speaker_of, state_note
from chatrepl.core.transcript.markdown_blocks import as_block, fenced, quoted
from chatrepl.core.transcript.text import one_line, visible
from chatrepl.core.transcript.transcript import Transcript

__all__ = ["to_markdown"]

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


def to_markdown(transcript: Transcript) -> str:
    """Write the current path: a heading for each message, its text below.

    Answers stand as they are; whatever could reach beyond its place, or would lose its line
    breaks, is fenced. Control characters and lone surrogates are replaced: the JSON form is exact.
    """
    return "\n\n".join(block for block in _blocks(transcript) if block) + "\n"


def _blocks(transcript: Transcript) -> Iterator[str]:
    yield f"# {_escaped(transcript.record.title) or 'Conversation'}"
    yield "\n".join(f"- {label}: {_escaped(value)}" for label, value in facts_of(transcript))
    if transcript.system is not None:
        yield "## System"
        yield as_block(visible(transcript.system), keep_lines=True)
    for message in transcript.path:
        yield f"## {_escaped(speaker_of(message))}"
        yield from _message_blocks(message)
    note = hidden_note(transcript)
    if note:
        yield "---"
        yield f"*{note}*"


def _message_blocks(message: Message) -> Iterator[str]:
    if message.reasoning:
        yield quoted("**Thinking**\n\n" + visible(message.reasoning))
    content = visible(said_in(message))
    if content.strip():
        if message.role == "tool":
            yield fenced(content)
        else:
            yield as_block(content, keep_lines=message.role != "assistant")
    if message.attachments:
        count = len(message.attachments)
        yield "*1 attachment*" if count == 1 else f"*{count} attachments*"
    note = state_note(message)
    if note:
        yield f"*{_escaped(note)}*"


def _escaped(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", one_line(text))
