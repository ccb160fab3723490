"""What a command is: a row with a handler, and what its handler is given."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event
from chatrepl.core.text.quoting import split_words

if TYPE_CHECKING:
    from chatrepl.core.session import Session
from chatrepl.core.text.quoting import nearest

__all__ = ["Call", "Command", "Complete", "Handler", "Value", "find_command", "with_notices"]


@dataclass(frozen=True, slots=True)
class Value:
    """A value that completion offers, with a few words about it."""

    text: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A command as it was typed."""

    session: "Session"
    name: str
    """The row's full name, whatever was typed."""
    rest: str
    """All that follows the name, as typed, less the blanks around it."""
    commands: Sequence["Command"]
    """The whole table."""

    @property
    def words(self) -> list[str]:
        """The rest as separate words; quoted ones hold blanks and escapes."""
        return split_words(self.rest)

    def takes_nothing(self) -> None:
        """Refuse words after a command that takes none."""
        if self.rest:
            raise UsageError(f"/{self.name} takes no words", f"/help {self.name}")

    def count(self, default: int) -> int:
        """Read one optional whole number above zero."""
        if not self.rest:
            return default
        if not self.rest.isdecimal() or not int(self.rest[:9]) > 0:
            raise UsageError(f"“{self.rest}” is not a number above 0", f"/help {self.name}")
        return int(self.rest[:9])


Handler = Callable[[Call], AsyncIterator[Event]]
Complete = Callable[["Session", str], Sequence[Value]]
"""Offers values for the text after the name."""


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table of commands."""

    name: str
    summary: str
    handler: Handler
    aliases: tuple[str, ...] = ()
    usage: str = ""
    complete: Complete | None = None
    at_once: bool = False
    """Runs while an answer streams; others wait for its end."""
    is_setting: bool = False
    takes_phrase: bool = False
    """Completion replaces all that follows the name, blanks included."""


async def with_notices(session: "Session", events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """Yield a command's events, each after the notices of the disk that are pending by then."""
    async for event in events:
        # Nothing comes between the pieces of an answer.
        if not session.is_answering:
            for notice in session.take_notices():
                yield notice
        yield event
    for notice in session.take_notices():
        yield notice


def find_command(word: str, commands: Sequence[Command]) -> Command:
    """Return the row of a name, an alias, or a name's unique beginning.

    Anything else is a ``UsageError`` that says what the word may have meant.
    """
    name = word.lower().replace("-", "_")
    for command in commands:
        if name == command.name or name in command.aliases:
            return command
    begun = [command for command in commands if name and command.name.startswith(name)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        listed = ", ".join(f"/{command.name}" for command in begun)
        raise UsageError(f"/{word} may mean {listed}", "type a letter more")
    names = [name for command in commands for name in (command.name, *command.aliases)]
    close = nearest(name, names).replace("mean ", "mean /").replace(" or ", " or /")
    raise UsageError(
        f"there is no command /{word}",
        close or "/help lists all; // sends a text that starts with /",
    )
