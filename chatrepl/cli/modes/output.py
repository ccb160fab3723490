"""Output of the modes without a prompt: answers to stdout, notices to stderr, results as JSON."""

import sys
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Protocol

from chatrepl.cli.event_loop import INTERRUPTED
from chatrepl.cli.process import print_line, stdout_encoding
from chatrepl.cli.program import Program
from chatrepl.core.conversation.ends import End, end_of
from chatrepl.core.conversation.metadata import called_tools, created_s, refusal_of
from chatrepl.core.conversation.outcomes import (
    REFUSES,
    describe_empty,
    describe_filtered,
    describe_tool_call,
)
from chatrepl.core.errors import ChatreplError
from chatrepl.core.events import (
    Among,
    AnswerEnded,
    Delta,
    Event,
    Level,
    Notice,
    ReasoningDelta,
    TextDelta,
)
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, State, usage_fields
from chatrepl.core.text.terminal_safe import TextCleaner, safe_line
from chatrepl.terminal.capabilities import is_dumb, rewraps, write_text

if TYPE_CHECKING:
    from chatrepl.terminal.draw.event_renderer import EventRenderer


class AnswerWriter(Protocol):
    """A sink for an answer that streams."""

    def feed(self, piece: Delta) -> None:
        """Write a further piece."""

    def finish(self) -> None:
        """End the answer."""


class PlainWriter:
    """A writer for pipes and files: an answer's text as it comes, without reasoning."""

    def __init__(self) -> None:
        self._ends_line = True
        self._cleaner = TextCleaner()

    def feed(self, piece: Delta) -> None:
        """Write a further piece; that a text is a refusal goes to stderr at the end."""
        if not isinstance(piece, ReasoningDelta):
            self._write(self._cleaner.feed(piece.text))

    def finish(self) -> None:
        """End the last line."""
        self._write(self._cleaner.finish())
        if not self._ends_line:
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            write_text(sys.stdout, text)
            self._ends_line = text.endswith("\n")


class NullWriter:
    """A writer of nothing: the result comes as JSON in the end, or cannot be written any more."""

    def feed(self, piece: Delta) -> None:
        """Ignore a piece."""

    def finish(self) -> None:
        """Do nothing."""


def answer_writer(program: Program) -> AnswerWriter:
    """Choose the writer: none for JSON, rendered on a terminal, else plain text."""
    if program.options.json:
        return NullWriter()
    if not sys.stdout.isatty() or is_dumb(program.environment):
        return PlainWriter()
    from chatrepl.terminal.plain.one_answer import OneAnswerWriter

    return OneAnswerWriter(
        sys.stdout,
        drawing_for_stdout(program),
        program.session.settings,
        rewraps=rewraps(program.environment),
    )


def drawing_for_stdout(program: Program) -> "EventRenderer":
    """Build the renderer for stdout; its import is expensive."""
    from chatrepl.terminal.draw.event_renderer import EventRenderer

    return EventRenderer(
        program.environment,
        is_terminal=sys.stdout.isatty(),
        encoding=stdout_encoding(),
        no_color=program.options.no_color,
    )


def write_heading(output: AnswerWriter, model: str, among: Among, *, is_first: bool) -> None:
    """Write a Markdown heading above one of several answers."""
    if not is_first:
        output.feed(TextDelta("\n"))
    name = f": {safe_line(model)}" if among.is_compared else ""
    output.feed(TextDelta(f"## Answer {among.number} of {among.of}{name}\n\n"))
    output.finish()


def exit_code(*answers: Message) -> int:
    """Return the exit code after the answers to a message."""
    states = {answer.state for answer in answers}
    if State.STOPPED in states:
        return INTERRUPTED
    ends = {end_of(answer.finish_reason) for answer in answers}
    is_failed = states != {State.COMPLETE} or not ends.isdisjoint({End.FAILED, End.UNKNOWN})
    return 1 if is_failed else 0


def print_notice(notice: Notice, quiet: bool) -> None:
    """Write a warning or an error to stderr; only errors if ``quiet``."""
    levels = (Level.ERROR,) if quiet else (Level.WARNING, Level.ERROR)
    if notice.text and notice.level in levels:
        # A command cannot be typed here.
        where = "in a conversation: " if notice.hint.startswith("/") else ""
        hint = f" — {where}{notice.hint}" if notice.hint else ""
        print_line(f"chatrepl: {safe_line(notice.text + hint)}", to_stderr=True)


def print_warnings(ended: AnswerEnded, quiet: bool) -> None:
    """Write to stderr that an answer failed, was refused, filtered or cut, or is empty."""
    message = ended.message
    if ended.error is not None:
        print_notice(ended.error, quiet)
    warnings = [REFUSES] if refusal_of(message) else []
    warnings += [describe_tool_call(name, arguments) for name, arguments in called_tools(message)]
    if filtered := describe_filtered(message):
        warnings.append(filtered)
    if empty := describe_empty(message):
        warnings.append(empty)
    elif end_of(message.finish_reason) is End.CUT:
        warnings.append("the answer ends early: length")
    elif end_of(message.finish_reason) is End.UNKNOWN:
        warnings.append(f"the answer ended with an unknown reason: {message.finish_reason}")
    for text in warnings:
        print_notice(Notice(text, Level.WARNING), quiet)


async def report_notices(events: AsyncIterator[Event], quiet: bool) -> None:
    """Print the notices among a command's events. Raises ``ChatreplError`` for the first error."""
    async for event in events:
        if isinstance(event, Notice):
            print_notice(event, quiet)
            if event.level is Level.ERROR:
                raise ChatreplError(event.text, event.hint)


def results_of(answers: Sequence[Message]) -> dict[str, Json]:
    """Return the ``--json`` form of a message's answers: that of the current answer.

    Where there are several, ``answers`` has all of them in order.
    """
    if len(answers) == 1:
        return result_of(answers[0])
    complete = [answer for answer in answers if answer.state is State.COMPLETE]
    current = (complete or answers)[0]
    return {**result_of(current), "answers": [result_of(answer) for answer in answers]}


def result_of(message: Message) -> dict[str, Json]:
    """Return the ``--json`` form of one answer."""
    return {
        "id": message.response_id,
        "model": message.model,
        "created": created_s(message) or int(message.created.timestamp()),
        "role": "assistant",
        "content": message.content,
        "reasoning": message.reasoning or None,
        "refusal": refusal_of(message) or None,
        "state": message.state.value,
        "finish_reason": message.finish_reason,
        "usage": usage_fields(message.usage),
    }
