"""A server that checks each request's messages as strict ones do, and refuses what they refuse.

The rules are those of the API itself and of the servers that hold to them: Anthropic's and
Mistral's endpoints refuse an empty or blank message, and the chat templates of Mistral, Gemma and
Llama 2 two messages of one role after each other.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from tests.support.servers.refusing_server import json_error
from tests.support.servers.sse_replies import Answer, RecordedRequest, Reply

__all__ = ["faults_of", "strict"]

_ROLES = ("system", "developer", "user", "assistant", "tool")
_PART_KEYS = {"text": "text", "image_url": "image_url", "input_audio": "input_audio"}


def strict(*replies: Reply) -> Callable[[RecordedRequest], Reply]:
    """Return a chooser that plays replies in turn, then "ok", to requests without a fault."""
    waiting = list(replies)

    def choose(request: RecordedRequest) -> Reply:
        if faults := faults_of(request.messages):
            message = f"messages are malformed: {'; '.join(faults)}"
            return json_error(400, {"error": {"message": message, "type": "invalid_request_error"}})
        return waiting.pop(0) if waiting else Answer("ok")

    return choose


def faults_of(messages: Sequence[dict[str, Any]]) -> list[str]:
    """Return what strict servers would refuse in a request's messages."""
    faults = [
        f"messages.{at}: {fault}"
        for at, message in enumerate(messages)
        for fault in _faults_of_one(message)
    ]
    roles = [message.get("role") for message in messages]
    talk = [role for role in roles if role in ("user", "assistant")]
    if any(role in ("system", "developer") for role in roles[1:]):
        faults.append("only the first message may be the system's")
    if talk and talk[0] != "user":
        faults.append("the conversation must begin with a user message")
    if any(one == other for one, other in pairwise(talk)):
        faults.append("roles must alternate user/assistant")
    return faults


def _faults_of_one(message: dict[str, Any]) -> list[str]:
    faults: list[str] = []
    if message.get("role") not in _ROLES:
        faults.append(f"unknown role {message.get('role')!r}")
    if "name" in message and not str(message["name"]).strip():
        faults.append("empty name")
    match message.get("content"):
        case str(text) if not text.strip():
            faults.append("empty or blank text")
        case str():
            pass
        case list(parts):
            faults += ["no parts"] if not parts else []
            faults += [fault for part in parts for fault in _faults_of_part(part)]
        case None if message.get("tool_calls"):
            pass
        case other:
            faults.append(f"content must not be {type(other).__name__}")
    return faults


def _faults_of_part(part: Any) -> list[str]:
    key = _PART_KEYS.get(part.get("type", "")) if isinstance(part, dict) else None
    if key is None or key not in part:
        return [f"unknown part {part!r:.60}"]
    if key == "text" and not str(part["text"]).strip():
        return ["empty or blank text part"]
    return []
