"""Ports to the files of the user and of the program: profiles, roles, learned facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chatrepl.core.json_value import Json
from chatrepl.core.ports.chat_model import Server


@dataclass(frozen=True, slots=True)
class Profile:
    """A server with its settings."""

    server: Server | None
    values: Mapping[str, Json]
    origin: str
    """As shown, e.g. ``profile cluster``."""


class Profiles(Protocol):
    """The server profiles of the configuration."""

    def names(self) -> Sequence[str]:
        """Return the names of all profiles, in the configuration's order."""

    def current(self) -> str | None:
        """Return the name of the profile in use; None: none is."""

    def address_and_model(self, name: str) -> tuple[str, str]:
        """Return a profile's address and model, each empty if it has none."""

    async def look_up(self, name: str | None) -> Profile:
        """Return a profile with its key; None: what holds without a profile.

        May run the user's own key command. Raises ``UsageError``.
        """

    def select(self, name: str | None) -> None:
        """Make a profile the one in use; None: none is."""


class Roles(Protocol):
    """The files of roles, by name."""

    def names(self) -> Sequence[str]:
        """Return the names of all roles in alphabetical order."""

    async def read(self, name: str) -> str:
        """Return the text of a role's file. Raises ``UsageError`` if there is none."""

    def place_of(self, path: str) -> str:
        """Return the full path of a file that a role names relative to the user's roles."""

    async def write(self, name: str, text: str, *, replace: bool = False) -> str:
        """Write one of the user's roles, and return its path.

        Raises ``UsageError`` if there is one already, unless ``replace``.
        """


class Memory(Protocol):
    """A cache of small facts across runs; losing one costs a request or two. Never raises."""

    async def recall(self, topic: str, /) -> Mapping[str, Json]:
        """Return a topic's facts by their keys."""

    async def remember(self, topic: str, key: str, value: Json, /) -> None:
        """Store a fact; None deletes it."""
