"""How an answer ended that is not an ordinary one: refused, filtered, or with a call of a tool."""

from collections.abc import Iterator

from chatrepl.core.conversation.metadata import called_tools, refusal_of
from chatrepl.core.events import RefusalDelta, TextDelta
from chatrepl.core.messages import Message, State

__all__ = [
    "CONTENT_FILTER",
    "REFUSES",
    "describe_filtered",
    "describe_tool_call",
    "pieces_of",
    "placeholder_text",
    "status_word",
    "visible_text",
]

CONTENT_FILTER = "content_filter"
REFUSES = "the model refuses to answer"


def pieces_of(message: Message) -> Iterator[TextDelta | RefusalDelta]:
    """Yield an answer's content as it came: the text, then the refusal."""
    refusal = refusal_of(message)
    text = message.content.removesuffix(refusal) if refusal else message.content
    if text:
        yield TextDelta(text)
    if refusal:
        yield RefusalDelta(refusal)


def visible_text(message: Message) -> str:
    """Return a message's text; of one that came by import, a refusal that stands beside it too."""
    refusal = refusal_of(message) if message.extra else ""
    return message.content if message.content or not refusal else refusal


def placeholder_text(message: Message) -> str:
    """Say to the model what an answer of its own was that has no text: a refusal, or calls.

    A server may refuse an empty answer, and one that holds calls which nothing answers; without it
    two messages of the user would follow each other, which chat templates refuse.
    """
    calls = [f"{name}({arguments})" for name, arguments in called_tools(message)]
    return refusal_of(message) or (f"[called {', '.join(calls)}: no such tool]" if calls else "")


def describe_tool_call(name: str, arguments: str) -> str:
    """Say that a tool was called, as the model wrote it."""
    return f"the model called a tool: {name}({arguments})"


def describe_filtered(message: Message) -> str:
    """Say that the server's content filter ended an answer; empty where it did not."""
    if message.finish_reason != CONTENT_FILTER:
        return ""
    is_empty = not message.content.strip()
    return "content filter: the server " + ("gave no answer" if is_empty else "cut the answer here")


def status_word(message: Message) -> str:
    """Say in lists what is special about an answer; empty for an ordinary one."""
    if message.state is not State.COMPLETE:
        return message.state.value
    if refusal_of(message):
        return "refused"
    if message.finish_reason == CONTENT_FILTER:
        return "content filter"
    return "tool call" if any(called_tools(message)) else ""
