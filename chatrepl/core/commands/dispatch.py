"""Dispatch of an input line: as a message, a command or a shell line, to the events it causes."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial

from chatrepl.core.commands.command import Call, Command, find_command, with_notices
from chatrepl.core.commands.handlers.files import describe_attachment, load_mentioned, run_in_shell
from chatrepl.core.commands.table import COMMANDS
from chatrepl.core.errors import ChatreplError, UsageError, unexpected
from chatrepl.core.events import DraftReturned, Event, Notice
from chatrepl.core.session import Session
from chatrepl.core.turn.event_queue import EventQueue, stream_events

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
    return _message_text(line) is not None


def _message_text(line: str) -> str | None:
    """Return the text of a line that is sent to the model; None for other lines."""
    try:
        parsed = parse_line(line)
    except UsageError:
        return None
    return parsed.text if isinstance(parsed, MessageLine) else None


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


def handle_line(session: Session, line: str) -> AsyncIterator[Event]:
    """Run one line, and yield its events; every error becomes a notice, none is raised.

    The events of a message come straight from the queue of its turn.
    """
    text = _message_text(line)
    if text is None:
        return _run(session, line)
    return stream_events(partial(_send, session, line, text))


async def _send(session: Session, line: str, text: str, events: EventQueue) -> None:
    """Send a message with the files that it mentions."""
    try:
        if not text.strip():
            return
        attached = await load_mentioned(session, text) if not line.startswith(" ") else []
        request = await session.accept(events, text, attached)
        if request is None:
            return
        for attachment in request.question.attachments:
            events.put(Notice(f"attached {await describe_attachment(session, attachment)}"))
        await session.answer(events, request)
    except Exception as error:  # noqa: BLE001 - a bug must not end the conversation
        events.extend(_failure(line, error))


async def _run(session: Session, line: str) -> AsyncIterator[Event]:
    """Run a command, or a line of the shell."""
    try:
        async for event in _command_events(session, parse_line(line)):
            yield event
    except Exception as error:  # noqa: BLE001 - a bug must not end the conversation
        for event in _failure(line, error):
            yield event


def _command_events(
    session: Session, line: MessageLine | CommandLine | ShellLine
) -> AsyncIterator[Event]:
    if isinstance(line, ShellLine):
        return run_in_shell(session, line.command, adds_output=line.adds_output)
    assert isinstance(line, CommandLine)
    command = find_command(line.name, COMMANDS)
    events = command.handler(Call(session, command.name, line.rest, COMMANDS))
    return events if command.is_turn else with_notices(session, events)


def _failure(line: str, error: Exception) -> Sequence[Event]:
    """Return the events that show an error; a line that was long to type goes back."""
    if not isinstance(error, ChatreplError):
        return Notice.of(unexpected(error)), DraftReturned(line)
    if "\n" in line.strip() or is_message(line):
        return Notice.of(error), DraftReturned(line)
    return (Notice.of(error),)
