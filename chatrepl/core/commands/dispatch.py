"""Dispatch of an input line: as a message, a command or a shell line, to the events it causes."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from chatrepl.core.commands.command import Call, Command, find_command, with_notices
from chatrepl.core.commands.handlers.files import describe_attachment, load_mentioned, run_in_shell
from chatrepl.core.commands.table import COMMANDS
from chatrepl.core.errors import ChatreplError, UsageError, unexpected
from chatrepl.core.events import DraftReturned, Event, MessageAccepted, Notice
from chatrepl.core.session import Session

__all__ = [
    "CommandLine",
    "MessageLine",
    "ShellLine",
    "handle_line",
    "is_exit",
    "is_message",
    "parse_line",
    "runs_at_once",
]

_COMMAND = re.compile(r"/(\?|[A-Za-z][\w-]*)(?=\s|$)")


@dataclass(frozen=True, slots=True)
class MessageLine:
    """Line that is sent to the model."""

    text: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Line that is a command; it is never sent."""

    name: str
    rest: str


@dataclass(frozen=True, slots=True)
class ShellLine:
    """Line that the shell runs; it is never sent."""

    command: str
    adds_output: bool
    """The output is attached to the next message."""


def parse_line(line: str) -> MessageLine | CommandLine | ShellLine:
    """Classify a line; a path, ``//`` or a leading blank make it a message.

    Raises ``UsageError`` for a line that begins like a command and is none.
    """
    if line.startswith("//"):
        return MessageLine(line[1:])
    if line.startswith("!") and not line.startswith("!["):
        return _shell_line(line)
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


def _shell_line(line: str) -> ShellLine:
    command = line.lstrip("!").strip()
    if not command or "\n" in command:
        raise UsageError(
            "! wants one command, on one line" if command else "! wants a command",
            "begin with a blank to send a text that starts with !",
        )
    return ShellLine(command, line.startswith("!!"))


def is_message(line: str) -> bool:
    """Return whether a line is sent to the model."""
    try:
        return isinstance(parse_line(line), MessageLine)
    except UsageError:
        return False


def runs_at_once(line: str) -> bool:
    """Return whether a line runs while an answer streams; other lines are queued until its end."""
    try:
        command = _command_of(line)
    except UsageError:
        return True
    return command is not None and command.at_once


def is_exit(line: str) -> bool:
    """Return whether a line ends the program."""
    try:
        command = _command_of(line)
    except UsageError:
        return False
    return command is not None and command.name == "exit"


def _command_of(line: str) -> Command | None:
    """Return the command that a line runs; None for other lines. Raises ``UsageError``."""
    parsed = parse_line(line)
    return find_command(parsed.name, COMMANDS) if isinstance(parsed, CommandLine) else None


async def handle_line(session: Session, line: str) -> AsyncIterator[Event]:
    """Run one line, and yield its events; every error becomes a notice, none is raised."""
    try:
        parsed = parse_line(line)
        match parsed:
            case MessageLine(text=text):
                events = _send(session, line, text)
            case ShellLine(command=command, adds_output=adds_output):
                events = run_in_shell(session, command, adds_output=adds_output)
            case _:
                events = _run(session, parsed)
        async for event in events:
            yield event
    except ChatreplError as error:
        yield Notice.of(error)
        if "\n" in line.strip() or is_message(line):
            yield DraftReturned(line)
    except Exception as error:  # noqa: BLE001 - a bug must not end the conversation
        yield Notice.of(unexpected(error))
        yield DraftReturned(line)


async def _send(session: Session, line: str, text: str) -> AsyncIterator[Event]:
    if not text.strip():
        return
    attached = await load_mentioned(session, text) if not line.startswith(" ") else []
    async for event in session.ask(text, attached):
        yield event
        if isinstance(event, MessageAccepted):
            for attachment in event.message.attachments:
                yield Notice(f"attached {await describe_attachment(session, attachment)}")


def _run(session: Session, line: CommandLine) -> AsyncIterator[Event]:
    command = find_command(line.name, COMMANDS)
    call = Call(session, command.name, line.rest, COMMANDS)
    return with_notices(session, command.handler(call))
