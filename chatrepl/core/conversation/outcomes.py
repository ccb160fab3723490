"""Outcomes of answers other than ordinary text: refusals, filtered answers, tool calls."""

from collections.abc import Iterator

from chatrepl.core.conversation.metadata import called_tools, refusal_of
from chatrepl.core.events import RefusalDelta, TextDelta
from chatrepl.core.messages import Message, State

__all__ = [
    "CONTENT_FILTER",
    "REFUSES",
    "content_events",
    "describe_filtered",
    "describe_tool_call",
    "placeholder_text",
    "status_word",
    "visible_text",
]

CONTENT_FILTER = "content_filter"
REFUSES = "the model refuses to answer"


def content_events(message: Message) -> Iterator[TextDelta | RefusalDelta]:
    """Yield an answer's content as events: the text, then the refusal."""
    refusal = refusal_of(message)
    text = message.content.removesuffix(refusal) if refusal else message.content
    if text:
        yield TextDelta(text)
    if refusal:
        yield RefusalDelta(refusal)


def visible_text(message: Message) -> str:
    """Return a message's text, else its refusal, which an imported message holds apart."""
    return message.content or refusal_of(message)


def placeholder_text(message: Message) -> str:
    """Return a text to send in place of an answer without text: its refusal or its tool calls.

    Servers may reject an empty answer, and tool calls that no message answers. Without the answer,
    two user messages would follow each other, which chat templates reject.
    """
    calls = [f"{name}({arguments})" for name, arguments in called_tools(message)]
    return refusal_of(message) or (f"[called {', '.join(calls)}: no such tool]" if calls else "")


def describe_tool_call(name: str, arguments: str) -> str:
    """Return a line about a tool call, with the arguments as the model wrote them."""
    return f"the model called a tool: {name}({arguments})"


def describe_filtered(message: Message) -> str:
    """Return a line if the server's content filter ended an answer, else an empty text."""
    if message.finish_reason != CONTENT_FILTER:
        return ""
    is_empty = not message.content.strip()
    return "content filter: the server " + ("gave no answer" if is_empty else "cut the answer here")


def status_word(message: Message) -> str:
    """Return a word or two about an answer's state for lists; empty for an ordinary answer."""
    if message.state is not State.COMPLETE:
        return message.state.value
    if refusal_of(message):
        return "refused"
    if message.finish_reason == CONTENT_FILTER:
        return "content filter"
    return "tool call" if any(called_tools(message)) else ""
