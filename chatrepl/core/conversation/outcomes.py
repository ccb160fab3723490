"""Outcomes of answers other than ordinary text: refusals, filtered answers, tool calls."""

from collections.abc import Iterator

from chatrepl.core.conversation.ends import End, end_of
from chatrepl.core.conversation.metadata import called_tools, refusal_of
from chatrepl.core.events import RefusalDelta, TextDelta
from chatrepl.core.messages import Message, State

REFUSES = "the model refuses to answer"
_NOTHING = {"assistant": "[no answer]", "tool": "[no output]"}
_NOTHING_ELSE = "[empty message]"


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


def is_empty(message: Message) -> bool:
    """Return whether an answer has neither text, nor a refusal, nor a call of a tool."""
    return not visible_text(message).strip() and not any(called_tools(message))


def placeholder_text(message: Message) -> str:
    """Return a text to send in place of a message without text, as an answer of reasoning only.

    Servers reject an empty or blank message in every later request, and tool calls that no message
    answers. Leaving the message out is no way: two user messages would follow each other, which
    the chat templates of Mistral, Gemma and Llama 2 reject. So a few words stand in its place.
    """
    calls = [f"{name}({arguments})" for name, arguments in called_tools(message)]
    if refusal := refusal_of(message).strip():
        return refusal
    if calls:
        return f"[called {', '.join(calls)}: no such tool]"
    return _NOTHING.get(message.role, _NOTHING_ELSE)


def describe_tool_call(name: str, arguments: str) -> str:
    """Return a line about a tool call, with the arguments as the model wrote them."""
    return f"the model called a tool: {name}({arguments})"


def describe_filtered(message: Message) -> str:
    """Return a line if the server's content filter ended an answer, else an empty text."""
    reason = message.finish_reason
    if end_of(reason) is not End.FILTERED:
        return ""
    is_blank = not message.content.strip()
    name = "content filter" if reason == "content_filter" else f"content filter ({reason})"
    return f"{name}: the server " + ("gave no answer" if is_blank else "cut the answer here")


def describe_empty(message: Message) -> str:
    """Return a line if a complete answer has nothing to show, else an empty text."""
    end = end_of(message.finish_reason)
    if message.state is not State.COMPLETE or not is_empty(message) or end is End.FILTERED:
        return ""
    if not message.reasoning.strip():
        return "the answer is empty"
    if end is End.CUT:
        return "the token limit was reached before the answer began: only reasoning came"
    return "the answer is empty: only reasoning came"


def status_word(message: Message) -> str:
    """Return a word or two about an answer's state for lists; empty for an ordinary answer."""
    if message.state is not State.COMPLETE:
        return message.state.value
    if refusal_of(message):
        return "refused"
    if end_of(message.finish_reason) is End.FILTERED:
        return "content filter"
    if any(called_tools(message)):
        return "tool call"
    return "empty" if message.role == "assistant" and is_empty(message) else ""
