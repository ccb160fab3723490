"""Go on with a cut answer: the path with the partial answer last, as each server takes it."""

from dataclasses import replace
from datetime import datetime
from enum import Enum

from chatrepl.core.messages import Json, Message, State
from chatrepl.core.ports.chat_model import ChatRequest, ModelInfo, Server
from chatrepl.core.servers.addresses import host_of

__all__ = ["Way", "as_continuation", "instruction", "is_cut", "way_for"]

INSTRUCTION = (
    "Your last answer was cut off. Go on exactly where it ends, inside a word if need be. "
    "Repeat nothing of it, and say nothing else."
)


class Way(Enum):
    """How a server goes on with an assistant message."""

    FIELDS = "fields"
    """vLLM and SGLang: by fields of the request."""
    MARK = "mark"
    """Mistral and DeepSeek: by a mark on the message."""
    LAST = "last"
    """llama.cpp: because it is the last message."""
    INSTRUCTION = "instruction"
    """Any other: because it is told to."""


def is_cut(answer: Message) -> bool:
    """Say whether there may be more of an answer."""
    is_unfinished = answer.state in (State.CUT, State.STOPPED)
    return is_unfinished or answer.finish_reason in ("length", "max_tokens")


def way_for(server: Server, listed: ModelInfo | None, *, is_llama: bool) -> Way:
    """Tell a server's way by what it says of itself."""
    owner = listed.owned_by.lower() if listed else ""
    if server.is_local or is_llama or owner == "llamacpp":
        return Way.LAST
    if owner in ("vllm", "sglang"):
        return Way.FIELDS
    host = host_of(server.base_url)
    is_deepseek_beta = host == "api.deepseek.com" and server.base_url.endswith("/beta")
    return Way.MARK if host == "api.mistral.ai" or is_deepseek_beta else Way.INSTRUCTION


def instruction(answer: Message, now: datetime) -> Message:
    """Make the message that asks to go on; it is sent and never kept."""
    return Message("", answer.id, "user", INSTRUCTION, now)


def as_continuation(request: ChatRequest, way: Way) -> ChatRequest:
    """Write what a server wants in a request whose last message is to be gone on with."""
    fields: dict[str, Json] = {}
    if way is Way.FIELDS:
        fields = {"add_generation_prompt": False, "continue_final_message": True}
    messages = request.body["messages"]
    if way is Way.MARK and isinstance(messages, list):
        *before, last = messages
        assert isinstance(last, dict)
        fields = {"messages": [*before, {**last, "prefix": True}]}
    return replace(request, body={**request.body, **fields})
