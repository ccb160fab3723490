"""Commands: the rows of their table, calls as they are typed, lookup by name."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event
from chatrepl.core.messages import Message
from chatrepl.core.text.quoting import nearest, split_words

if TYPE_CHECKING:
    from chatrepl.core.session import Session


@dataclass(frozen=True, slots=True)
class Value:
    """Value that completion offers, with a short description."""

    text: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """Call of a command, as it was typed."""

    session: "Session"
    name: str
    """The command's full name, whatever was typed."""
    rest: str
    """The text after the name as typed, without the blanks around it."""
    commands: Sequence["Command"]
    """All rows of the table."""

    @property
    def words(self) -> list[str]:
        """The text after the name as separate words; quoted ones hold blanks and escapes."""
        return split_words(self.rest)

    def takes_nothing(self) -> None:
        """Refuse any text after the name, by ``UsageError``."""
        if self.rest:
            raise UsageError(f"/{self.name} takes no words", f"/help {self.name}")

    def count(self, default: int) -> int:
        """Read the text as a whole number above zero. Raises ``UsageError``."""
        if not self.rest:
            return default
        if not self.rest.isdecimal() or not int(self.rest[:9]) > 0:
            raise UsageError(f"“{self.rest}” is not a number above 0", f"/help {self.name}")
        return int(self.rest[:9])

    def message(self, number: str) -> Message:
        """Return the message of that number on the current path. Raises ``UsageError``."""
        path = self.session.conversation.path
        if not number.isdecimal() or not 1 <= int(number[:9]) <= len(path):
            raise UsageError(f"there is no message {number}", "/context shows the numbers")
        return path[int(number[:9]) - 1]


Handler = Callable[[Call], AsyncIterator[Event]]
Complete = Callable[["Session", str], Sequence[Value]]
"""Returns the values that are offered for the text after a command's name."""


@dataclass(frozen=True, slots=True)
class Command:
    """Row of the table of commands."""

    name: str
    summary: str
    handler: Handler
    aliases: tuple[str, ...] = ()
    usage: str = ""
    complete: Complete | None = None
    completes: Literal["first word", "each word", "phrase"] = "first word"
    """Completion serves the first word only, or each word, or replaces all after the name."""
    at_once: bool = False
    """Runs while an answer streams; other commands are queued until its end."""
    is_turn: bool = False
    """Its events are those of a turn, which takes the pending notices itself."""
    is_setting: bool = False


def offering(*values: Value) -> Complete:
    """Make a completion that offers fixed values."""
    return lambda _session, _text: values


async def with_notices(session: "Session", events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """Yield a command's events, each after the notices of the disk that are pending by then."""
    async for event in events:
        for notice in session.take_notices():
            yield notice
        yield event
    for notice in session.take_notices():
        yield notice


def find_command(word: str, commands: Sequence[Command]) -> Command:
    """Return the command with that name or alias, or the only one whose name begins so.

    Raises ``UsageError`` with a suggestion for any other word.
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
