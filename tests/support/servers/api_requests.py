"""Requests to a server, and their outcomes."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import (
    ChoiceFinished,
    ModelEvent,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    UsageReported,
)
from chatrepl.core.messages import Usage
from chatrepl.core.ports.chat_model import ChatRequest, Secret, Server
from chatrepl.services.openai_api import OpenAIChatModel

__all__ = ["CANARY", "Outcome", "ask", "ask_with", "request_for", "server_at"]

CANARY = "sk-canary-0123456789abcdef"


@dataclass
class Outcome:
    """The events of one request, and the error at its end."""

    events: list[ModelEvent] = field(default_factory=list)
    error: ModelError | None = None

    def text(self, index: int = 0) -> str:
        return "".join(e.text for e in self.events if isinstance(e, TextDelta) and e.index == index)

    @property
    def reasoning(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, ReasoningDelta))

    @property
    def refusal(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, RefusalDelta))

    @property
    def finish_reasons(self) -> list[str]:
        return [e.finish_reason for e in self.events if isinstance(e, ChoiceFinished)]

    @property
    def usage(self) -> Usage | None:
        reported = [e.usage for e in self.events if isinstance(e, UsageReported)]
        return reported[-1] if reported else None

    @property
    def fault(self) -> Fault | None:
        return self.error.fault if self.error else None

    @property
    def said(self) -> str:
        return str(self.error) if self.error else ""


def server_at(base_url: str, **fields: Any) -> Server:
    values: dict[str, Any] = {
        "origin": "test",
        "api_key": Secret(CANARY),
        "key_origin": "TEST_KEY",
        "timeout_s": 20.0,
    }
    return Server(base_url, **(values | fields))


def request_for(server: Server, **body: Any) -> ChatRequest:
    usual: dict[str, Any] = {
        "model": "test-model",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return ChatRequest(server, {**usual, **body})


async def ask_with(model: OpenAIChatModel, request: ChatRequest) -> Outcome:
    outcome = Outcome()
    try:
        async with aclosing(model.stream(request)) as events:
            async for event in events:
                outcome.events.append(event)
    except ModelError as error:
        outcome.error = error
        assert CANARY not in str(error)
        assert CANARY not in repr(error)
        assert "\n" not in str(error)
    return outcome


def ask(server: Server, **body: Any) -> Outcome:
    """Send one request, with a model of its own, in an event loop of its own."""

    async def run() -> Outcome:
        model = OpenAIChatModel()
        try:
            return await ask_with(model, request_for(server, **body))
        finally:
            await model.close()

    return asyncio.run(run())
