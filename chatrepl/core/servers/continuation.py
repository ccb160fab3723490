"""The continuation of a cut answer, which ends the path, in the form that each server takes."""

from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from chatrepl.core.conversation.ends import End, end_of
from chatrepl.core.messages import Message, State
from chatrepl.core.ports.chat_model import ChatRequest, ModelInfo, Server
from chatrepl.core.servers.addresses import host_of

if TYPE_CHECKING:
    from chatrepl.core.json_value import Json

INSTRUCTION = (
    "Your last answer was cut off. Go on exactly where it ends, inside a word if need be. "
    "Repeat nothing of it, and say nothing else."
)


class Way(Enum):
    """The way in which a server goes on with an assistant message."""

    FIELDS = "fields"
    """Fields of the request (vLLM, SGLang)."""
    MARK = "mark"
    """A mark on the message (Mistral, DeepSeek)."""
    LAST = "last"
    """Nothing: the last message is gone on with (llama.cpp)."""
    INSTRUCTION = "instruction"
    """A further message that asks for it (any other)."""


def is_cut(answer: Message) -> bool:
    """Return whether there may be more of an answer."""
    is_unfinished = answer.state in (State.CUT, State.STOPPED)
    return is_unfinished or end_of(answer.finish_reason) is End.CUT


def way_for(server: Server, listed: ModelInfo | None, *, is_llama: bool) -> Way:
    """Return a server's way, by its listing of the model and its address."""
    owner = listed.owned_by.lower() if listed else ""
    if server.is_local or is_llama or owner == "llamacpp":
        return Way.LAST
    if owner in ("vllm", "sglang"):
        return Way.FIELDS
    host = host_of(server.base_url)
    is_deepseek_beta = host == "api.deepseek.com" and server.base_url.endswith("/beta")
    return Way.MARK if host == "api.mistral.ai" or is_deepseek_beta else Way.INSTRUCTION


def instruction(answer: Message, now: datetime) -> Message:
    """Make the message that asks to go on; it is sent and never saved."""
    return Message("", answer.id, "user", INSTRUCTION, now)


def as_continuation(request: ChatRequest, way: Way) -> ChatRequest:
    """Return the request as the server takes it to go on with its last message."""
    fields: dict[str, Json] = {}
    if way is Way.FIELDS:
        fields = {"add_generation_prompt": False, "continue_final_message": True}
    messages = request.body["messages"]
    if way is Way.MARK and isinstance(messages, list):
        *before, last = messages
        assert isinstance(last, dict)
        fields = {"messages": [*before, {**last, "prefix": True}]}
    return replace(request, body={**request.body, **fields})
