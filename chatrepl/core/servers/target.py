"""Whom a request is for."""

from dataclasses import dataclass

from chatrepl.core.messages import Message
from chatrepl.core.ports.chat_model import Server

__all__ = ["LOCAL_SYSTEM", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked: a server, a model on it, and the system text that goes first."""

    server: Server
    model: str
    system: Message | None
    """Its role is the form in which it goes; ``user``: inside the first user message."""
    reminder: str = ""
    """Added to each user message when it is sent."""
    opening: tuple[Message, ...] = ()
    """Example messages, between the system text and the conversation."""

    @property
    def key(self) -> tuple[str, ...]:
        """Name who is asked, and what of the prompt is no part of the conversation."""
        system, server = self.system, self.server
        form = (system.role, system.content) if system else ("", "")
        opening = (text for message in self.opening for text in (message.role, message.content))
        # The program's own server has another port in each run.
        where = "" if server.is_local else server.base_url
        return (where, self.model, self.reminder, *form, *opening)


LOCAL_SYSTEM = "You are a helpful assistant."
