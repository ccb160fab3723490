"""Who is asked: the model in force, or others by name."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from chatrepl.core.context.request_body import example_message
from chatrepl.core.errors import ChatreplError, UsageError
from chatrepl.core.messages import Message
from chatrepl.core.ports.chat_model import Server
from chatrepl.core.servers.selection import is_local_profile
from chatrepl.core.servers.target import LOCAL_SYSTEM, Target
from chatrepl.core.settings.kinds import examples_in
from chatrepl.core.settings.layers import Settings

if TYPE_CHECKING:
    from chatrepl.core.session import Session

__all__ = [
    "Candidate",
    "ask_by_name",
    "ask_or_not",
    "names_local",
    "opening_of",
    "system_of",
    "system_text_of",
    "target_of",
]

_NOWHERE = Server("", origin="a server that could not be asked")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that is asked, with the settings that hold for it."""

    target: Target
    settings: Settings
    answers: int = 1
    """How many are wanted of it."""
    error: ChatreplError | None = None
    """Why it cannot be asked, though others can."""


def target_of(
    settings: Settings, server: Server, model: str, now: datetime, *, is_local: bool = False
) -> Target:
    """Put together who is asked, and what goes before and beside the conversation."""
    return Target(
        server,
        model,
        system_of(settings, now, is_local=is_local),
        settings.text("reminder") or "",
        tuple(opening_of(settings, now)),
    )


def system_text_of(settings: Settings, *, is_local: bool) -> str | None:
    """Return the system text in force. The built-in model always gets one."""
    return settings.text("system") or (LOCAL_SYSTEM if is_local else None)


def system_of(settings: Settings, now: datetime, *, is_local: bool) -> Message | None:
    """Return the system text as the message that goes first."""
    text = system_text_of(settings, is_local=is_local)
    if text is None:
        return None
    return Message("", None, settings.text("system_form") or "system", text, now)


def opening_of(settings: Settings, now: datetime) -> list[Message]:
    """Return the example messages that open the conversation."""
    return [
        example_message(role, content, now)
        for role, content in examples_in(settings.get("examples"))
    ]


def names_local(session: "Session", name: str) -> bool:
    """Say whether a name that is asked by, ``profile:model``, means the built-in model."""
    profile, colon, _ = name.partition(":")
    return bool(colon) and is_local_profile(profile, session.ports.profiles.names())


async def ask_by_name(session: "Session", name: str) -> Candidate:
    """Find a model of the server in use, or by ``profile:model`` (or ``profile:``) of another.

    Raises ``UsageError``, and ``ModelError`` where a server must be asked and does not answer.
    """
    profile, colon, model = name.partition(":")
    now = session.ports.clock.now()
    if names_local(session, name):
        server, model, settings = session.answerer.local_elsewhere(session.settings, model)
        return Candidate(target_of(settings, server, model, now, is_local=True), settings)
    if not colon or profile not in session.ports.profiles.names():
        if session.uses_local and name != session.model_name():
            raise UsageError(
                f"the built-in model is the only one here, not {name}",
                "PROFILE:MODEL asks another server's, /local off goes back to the server",
            )
        return Candidate(replace(await session.target(), model=name), session.settings)
    loaded = await session.ports.profiles.look_up(profile)
    await session.ports.catalog.prepare()
    server, model, settings = await session.answerer.elsewhere(session.settings, loaded, model)
    return Candidate(target_of(settings, server, model, now), settings)


async def ask_or_not(session: "Session", name: str, *, is_only: bool) -> Candidate:
    """Find a model as ``ask_by_name`` does; of several, one that is not to be had keeps its place.

    Raises ``UsageError`` and ``ModelError`` where it is the only one.
    """
    try:
        return await ask_by_name(session, name)
    except ChatreplError as error:
        if is_only:
            raise
        target = target_of(session.settings, _NOWHERE, name, session.ports.clock.now())
        return Candidate(target, session.settings, error=error)
