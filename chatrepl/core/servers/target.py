"""Targets of requests: a server, a model on it, and the messages around the conversation."""

from dataclasses import dataclass
from datetime import datetime

from chatrepl.core.errors import ChatreplError
from chatrepl.core.messages import Message
from chatrepl.core.ports.chat_model import Server
from chatrepl.core.settings.kinds import example_message, examples_in
from chatrepl.core.settings.layers import Settings

LOCAL_SYSTEM = "You are a helpful assistant."
"""The system text of the built-in model where none is set."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server, a model on it, and what every prompt holds beside the conversation."""

    server: Server
    model: str
    system: Message | None
    """The system text, which goes first. Its role is the form in which it is sent; ``user``:
    inside the first user message."""
    reminder: str = ""
    """Added to each user message when it is sent."""
    opening: tuple[Message, ...] = ()
    """Example messages, between the system text and the conversation."""

    @property
    def model_key(self) -> tuple[str, str]:
        """The server's base URL and the model: the key of what a server taught about a model."""
        return self.server.base_url, self.model

    @property
    def prompt_key(self) -> tuple[str, ...]:
        """All but the conversation that decides what a prompt counts, stable across runs."""
        system, server = self.system, self.server
        form = (system.role, system.content) if system else ("", "")
        opening = (text for message in self.opening for text in (message.role, message.content))
        # The program's own server has another port in each run.
        where = "" if server.is_local else server.base_url
        return (where, self.model, self.reminder, *form, *opening)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target with the settings that hold for it, or with the error that rules it out."""

    target: Target
    settings: Settings
    answers: int = 1
    """Answers wanted of it."""
    error: ChatreplError | None = None
    """Why it cannot be asked, though others can."""


def target_of(
    settings: Settings, server: Server, model: str, now: datetime, *, is_local: bool = False
) -> Target:
    """Build the target of a server's model from the settings that hold for it."""
    text = system_text_of(settings, is_local=is_local)
    form = settings.text("system_form") or "system"
    return Target(
        server,
        model,
        None if text is None else Message("", None, form, text, now),
        settings.text("reminder") or "",
        tuple(opening_of(settings, now)),
    )


def system_text_of(settings: Settings, *, is_local: bool) -> str | None:
    """Return the system text in force; None for a blank one. The built-in model always gets one."""
    text = settings.text("system") or ""
    return text if text.strip() else LOCAL_SYSTEM if is_local else None


def opening_of(settings: Settings, now: datetime) -> list[Message]:
    """Return the example messages that open the conversation."""
    return [
        example_message(role, content, now)
        for role, content in examples_in(settings.get("examples"))
    ]
