"""Find the command that a word means."""

from collections.abc import Sequence

from chatrepl.core.commands.command import Command
from chatrepl.core.errors import UsageError
from chatrepl.core.text.quoting import nearest

__all__ = ["find_command"]


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
