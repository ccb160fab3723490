"""The ports to what the user and the program keep in files of their own: profiles, roles, facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chatrepl.core.messages import Json
from chatrepl.core.ports.storage import Server

__all__ = [
    "Attachments",
    "DebugLog",
    "Memory",
    "Profile",
    "Profiles",
    "Roles",
    "Shell",
    "ShellResult",
]


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


class DebugLog(Protocol):
    """A log file for finding faults; it holds no key, and nothing of what is said."""

    path: str
    """Where it is, or would be."""

    @property
    def is_on(self) -> bool:
        """Say whether it is being written."""
        ...

    def start(self) -> None:
        """Begin to write, behind what is there. Raises ``UsageError``."""
        ...

    def stop(self) -> None:
        """End it; what is written stays."""
        ...


class Attachments(Protocol):
    """What can go with a message: files, and pages of the web."""

    async def load(self, place: str) -> Mapping[str, Json]:
        """Load a path, or an ``http`` address, as ``core.conversation.attachments`` describes it.

        Raises ``ChatreplError``: not to be read, too large, or neither text nor image.
        """
        ...


@dataclass(frozen=True, slots=True)
class ShellResult:
    """How a command of the user's ended."""

    code: int
    """Its exit code; below zero: the signal that ended it."""
    output: str = ""
    """What it wrote, where that was captured."""


class Shell(Protocol):
    """The user's shell."""

    async def run(self, command: str, *, capture: bool) -> ShellResult:
        """Run a command to its end, shown as it goes. Raises ``UsageError``."""
        ...
