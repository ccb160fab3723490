"""The ports to what the user and the program keep in files of their own: profiles, roles, facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chatrepl.core.messages import Json
from chatrepl.core.ports.chat_model import Server

__all__ = ["Memory", "Profile", "Profiles", "Roles"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A server with the settings that go with it."""

    server: Server | None
    values: Mapping[str, Json]
    origin: str
    """In words, e.g. ``profile cluster``."""


class Profiles(Protocol):
    """The server profiles of the configuration."""

    def names(self) -> Sequence[str]:
        """List the profiles, in the configuration's order."""
        ...

    def current(self) -> str | None:
        """Name the profile that was loaded last, at the start at first; None: none."""
        ...

    def about(self, name: str) -> tuple[str, str]:
        """Return the address and the model that a profile names; empty: it names none."""
        ...

    async def load(self, name: str | None) -> Profile:
        """Find a profile's server and key; None: what holds without a profile.

        May run the user's own key command. Raises ``UsageError``.
        """
        ...

    async def look_up(self, name: str) -> Profile:
        """Find a profile's server and key as ``load`` does, without making it the current one."""
        ...


class Roles(Protocol):
    """Roles by name, as the texts of their files."""

    def names(self) -> Sequence[str]:
        """List them in the order of the alphabet."""
        ...

    async def read(self, name: str) -> str:
        """Return a role's text. Raises ``UsageError`` for one that is not there."""
        ...

    def place_of(self, path: str) -> str:
        """Return the full path of a file that a role names: it lies beside the user's roles."""
        ...

    async def write(self, name: str, text: str, *, replace: bool = False) -> str:
        """Write a role of the user's own; return where. There already: only if ``replace``."""
        ...


class Memory(Protocol):
    """Small facts remembered across runs; losing them costs a request or two. Never raises."""

    async def recall(self, topic: str, /) -> Mapping[str, Json]:
        """Return what is remembered under a topic."""
        ...

    async def remember(self, topic: str, key: str, value: Json, /) -> None:
        """Remember a fact; ``None`` forgets it."""
        ...
