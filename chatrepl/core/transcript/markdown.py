"""Markdown export, and the headings and notes that HTML export shares."""

import re
from collections.abc import Iterator

from chatrepl.core.conversation.ends import End, end_of
from chatrepl.core.conversation.metadata import called_tools, refusal_of
from chatrepl.core.conversation.outcomes import (
    describe_empty,
    describe_filtered,
    describe_tool_call,
    visible_text,
)
from chatrepl.core.messages import Message, State
from chatrepl.core.transcript.fields import one_line, printable
from chatrepl.core.transcript.markdown_blocks import as_block, fenced, quoted
from chatrepl.core.transcript.transcript import Transcript, in_utc

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


def to_markdown(transcript: Transcript) -> str:
    """Write the current path: a heading for each message, its text below.

    Answers are written as they are. A text is fenced where it could leave a block open, or would
    lose its line breaks. Control characters and lone surrogates are replaced: only the JSON form is
    exact.
    """
    return "\n\n".join(block for block in _blocks(transcript) if block) + "\n"


def _blocks(transcript: Transcript) -> Iterator[str]:
    yield f"# {_escaped(transcript.record.title) or 'Conversation'}"
    yield "\n".join(f"- {label}: {_escaped(value)}" for label, value in facts_of(transcript))
    if transcript.system is not None:
        yield "## System"
        yield as_block(printable(transcript.system), keep_lines=True)
    for message in transcript.path:
        yield f"## {_escaped(speaker_of(message))}"
        yield from _message_blocks(message)
    note = hidden_note(transcript)
    if note:
        yield "---"
        yield f"*{note}*"


def _message_blocks(message: Message) -> Iterator[str]:
    if message.reasoning:
        yield quoted("**Thinking**\n\n" + printable(message.reasoning))
    content = printable(visible_text(message))
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


_SPEAKERS = {"system": "System", "user": "You", "assistant": "Assistant", "tool": "Tool"}
_STATES = {
    State.STOPPED: "Stopped by the user: this is as far as the answer came.",
    State.CUT: "Cut: the connection or the program ended before the answer did.",
    State.STREAMING: "Cut: the answer was still arriving.",
}


def speaker_of(message: Message) -> str:
    """Return the heading of a message: its role, with the name and the model if there are any."""
    role = one_line(message.role)
    speaker = _SPEAKERS.get(role, role)
    inside = [one_line(text) for text in (message.name, message.model) if text]
    return f"{speaker} ({', '.join(inside)})" if inside else speaker


def state_note(message: Message) -> str:
    """Describe why a message is not an ordinary complete one; empty for one that is."""
    if message.state is State.FAILED:
        return (
            "Failed: no answer came."
            if message.role == "user"
            else "Failed: not one byte of an answer came."
        )
    if message.state is State.COMPLETE and end_of(message.finish_reason) is End.CUT:
        return "Cut: the limit on tokens was reached."
    notes = [_STATES.get(message.state, ""), *_ending_notes(message)]
    return " ".join(note for note in notes if note)


def _ending_notes(message: Message) -> Iterator[str]:
    if message.role != "assistant":
        return
    if refusal_of(message):
        yield "The model refused to answer: what stands here is its refusal."
    for name, arguments in called_tools(message):
        yield _sentence(one_line(describe_tool_call(name, arguments)))
    for line in (describe_filtered(message), describe_empty(message)):
        if line:
            yield _sentence(line)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def facts_of(transcript: Transcript) -> Iterator[tuple[str, str]]:
    """Yield the facts below the title as label and value: name, beginning, models."""
    record = transcript.record
    if record.name:
        yield "Session", one_line(record.name)
    yield "Begun", in_utc(record.created).strftime("%Y-%m-%d %H:%M UTC")
    models = dict.fromkeys(message.model for message in transcript.path if message.model)
    if models:
        yield "Model" if len(models) == 1 else "Models", ", ".join(map(one_line, models))


def hidden_note(transcript: Transcript) -> str:
    """Count the messages on other branches, summaries left out; empty if there are none."""
    spoken = sum(not message.summary_of for message in transcript.messages)
    others = spoken - len(transcript.path)
    if others <= 0:
        return ""
    messages = "1 message" if others == 1 else f"{others} messages"
    return f"{messages} on other branches: the JSON form holds all."
