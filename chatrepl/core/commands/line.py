"""One line from the person: what it is, and the events it leads to. The one door into the core."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from chatrepl.core.commands.arguments import Call, Command
from chatrepl.core.commands.lookup import find_command
from chatrepl.core.commands.table import COMMANDS
from chatrepl.core.errors import ChatreplError, UsageError, unexpected
from chatrepl.core.events import DraftReturned, Event, Level, Notice
from chatrepl.core.session import Session

__all__ = ["CommandLine", "MessageLine", "handle_line", "is_message", "parse_line", "runs_at_once"]

_COMMAND = re.compile(r"/(\?|[A-Za-z][\w-]*)(?=\s|$)")
_FILE_WORD = re.compile(r"@(\"[^\"\n]+\"|[\w~./\\-]+)")


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A line that is sent to the model."""

    text: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A line that is a command; never sent."""

    name: str
    rest: str


def parse_line(line: str) -> MessageLine | CommandLine:
    """Tell a command from a message. A path, ``//`` or a leading blank make it a message.

    Raises ``UsageError`` for a line that begins like a command and is none.
    """
    if line.startswith("//"):
        return MessageLine(line[1:])
    if line.startswith("!"):
        raise UsageError(
            "running shell commands from here is not there yet",
            "begin with a blank to send a text that starts with !",
        )
    if not line.startswith("/"):
        return MessageLine(line.lstrip(" ") if line[:2] in (" /", " !", " @") else line)
    match = _COMMAND.match(line)
    if match is not None:
        return CommandLine(match[1], line[match.end() :].strip())
    first = line.split(maxsplit=1)[0]
    if "/" in first[1:]:
        return MessageLine(line)
    raise UsageError(
        f"there is no command {first}", "/help lists all; // sends a text that starts with /"
    )


def is_message(line: str) -> bool:
    """Say whether a line goes to the model."""
    try:
        return isinstance(parse_line(line), MessageLine)
    except UsageError:
        return False


def runs_at_once(line: str) -> bool:
    """Say whether a line is dealt with while an answer streams; others wait for its end."""
    try:
        parsed = parse_line(line)
        if isinstance(parsed, MessageLine):
            return False
        command = find_command(parsed.name, COMMANDS)
    except UsageError:
        return True
    return command.at_once or command.handler is None


async def handle_line(session: Session, line: str) -> AsyncIterator[Event]:
    """Deal with one line: every failure becomes a notice, nothing is raised."""
    try:
        parsed = parse_line(line)
        if isinstance(parsed, MessageLine):
            events = _send(session, line, parsed.text)
        else:
            events = _run(session, parsed)
        async for event in events:
            yield event
    except ChatreplError as error:
        yield Notice.of(error)
        if "\n" in line.strip():
            yield DraftReturned(line)
    except Exception as error:  # noqa: BLE001 - an error of ours must not end the conversation
        yield Notice.of(unexpected(error))
        yield DraftReturned(line)


async def _send(session: Session, line: str, text: str) -> AsyncIterator[Event]:
    if not text.strip():
        return
    named = _named_file(session, text) if not line.startswith(" ") else None
    if named:
        yield Notice(
            f"attaching files ({named}) is not there yet",
            Level.ERROR,
            hint="begin with a blank to send the text as it is",
        )
        yield DraftReturned(line)
        return
    async for event in session.ask(text):
        yield event


def _named_file(session: Session, text: str) -> str | None:
    """Return the first ``@path`` that names a file, or begins the message and looks like one."""
    for match in re.finditer(r"(?<!\S)" + _FILE_WORD.pattern + r"(?!\S)", text):
        path = match[1].strip('"')
        looks_like_file = match.start() == 0 and bool(re.search(r"/|\.\w+$", path))
        if looks_like_file or session.ports.files.names_file(path):
            return match[0]
    return None


async def _run(session: Session, line: CommandLine) -> AsyncIterator[Event]:
    command: Command = find_command(line.name, COMMANDS)
    if command.handler is None:
        yield Notice(f"/{command.name} is not there yet", Level.WARNING, hint="/help lists what is")
        return
    async for event in command.handler(Call(session, command.name, line.rest, COMMANDS)):
        yield event
