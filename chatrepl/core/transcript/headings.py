"""What the forms for reading say of a conversation and of each message, in words."""

from collections.abc import Iterator
from datetime import UTC

from chatrepl.core.conversation.outcomes import called_tools, refusal_of, tell_filtered, tell_tool
from chatrepl.core.messages import Message, State
from chatrepl.core.transcript.text import one_line
from chatrepl.core.transcript.transcript import Transcript

__all__ = ["facts_of", "hidden_note", "speaker_of", "state_note"]

_SPEAKERS = {"system": "System", "user": "You", "assistant": "Assistant", "tool": "Tool"}
_STATES = {
    State.STOPPED: "Stopped by the user: this is as far as the answer came.",
    State.CUT: "Cut: the connection or the program ended before the answer did.",
    State.STREAMING: "Cut: the answer was still arriving.",
}


def speaker_of(message: Message) -> str:
    """Name who speaks: the role, the name, and the model that answered."""
    role = one_line(message.role)
    speaker = _SPEAKERS.get(role, role)
    inside = [one_line(text) for text in (message.name, message.model) if text]
    return f"{speaker} ({', '.join(inside)})" if inside else speaker


def state_note(message: Message) -> str:
    """Say how far a message came; empty for a complete one."""
    if message.state is State.FAILED:
        return (
            "Failed: no answer came."
            if message.role == "user"
            else "Failed: not one byte of an answer came."
        )
    if message.state is State.COMPLETE and message.finish_reason == "length":
        return "Cut: the limit on tokens was reached."
    told = [_STATES.get(message.state, ""), *_endings(message)]
    return " ".join(text for text in told if text)


def _endings(message: Message) -> Iterator[str]:
    if message.role != "assistant":
        return
    if refusal_of(message):
        yield "The model refused to answer: what stands here is its refusal."
    for name, arguments in called_tools(message):
        yield _sentence(one_line(tell_tool(name, arguments)))
    if filtered := tell_filtered(message):
        yield _sentence(filtered)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def facts_of(transcript: Transcript) -> Iterator[tuple[str, str]]:
    """Yield what is worth knowing of the conversation: label and value."""
    record = transcript.record
    if record.name:
        yield "Session", one_line(record.name)
    moment = record.created if record.created.tzinfo else record.created.replace(tzinfo=UTC)
    yield "Begun", moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    models = dict.fromkeys(message.model for message in transcript.path if message.model)
    if models:
        yield "Model" if len(models) == 1 else "Models", ", ".join(map(one_line, models))


def hidden_note(transcript: Transcript) -> str:
    """Say how many messages stand on other branches; empty without any. Summaries are on none."""
    said = sum(not message.summary_of for message in transcript.messages)
    others = said - len(transcript.path)
    if others <= 0:
        return ""
    messages = "1 message" if others == 1 else f"{others} messages"
    return f"{messages} on other branches: the JSON form holds all."
