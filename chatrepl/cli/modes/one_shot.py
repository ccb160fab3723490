"""One message in, one answer out: for pipes, scripts, and quick questions.

The answer goes to stdout as it comes, everything else to stderr.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Protocol

from chatrepl.cli.event_loop import run_and_leave
from chatrepl.cli.process import print_line, printable_json, stdout_encoding
from chatrepl.cli.wiring import Program
from chatrepl.core.conversation.metadata import called_tools, created_s, refusal_of
from chatrepl.core.conversation.outcomes import (
    REFUSES,
    describe_filtered,
    describe_tool_call,
)
from chatrepl.core.errors import ChatreplError, UsageError
from chatrepl.core.events import (
    Among,
    AnswerEnded,
    AnswerStarted,
    Event,
    Level,
    Notice,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
)
from chatrepl.core.messages import Json, Message, State, usage_fields
from chatrepl.core.text.surrogates import valid_text
from chatrepl.core.text.terminal_safe import TextCleaner, safe_line
from chatrepl.core.turn.sequencer import sequenced
from chatrepl.terminal.tty.raw_mode import is_ignored

__all__ = [
    "answer_writer",
    "dry_run",
    "exit_code",
    "one_shot",
    "read_message",
    "results_of",
    "run_until_signal",
    "tell",
    "tell_end",
    "write_heading",
    "write_piece",
]

_INTERRUPTED = 130


def read_message(words: list[str]) -> str:
    """Join the words of the command line and what is piped in, by a blank line.

    Raises ``UsageError`` where both are empty.
    """
    parts = [" ".join(words)]
    try:
        if not os.isatty(0):
            parts.append(sys.stdin.buffer.read().decode("utf-8", "replace"))
    except OSError:
        pass
    text = "\n\n".join(part.strip("\n") for part in parts if part.strip())
    if not text:
        raise UsageError("there is nothing to send", 'chatrepl "a question", or pipe text in')
    return text


class AnswerWriter(Protocol):
    """Takes an answer as it comes."""

    def feed(self, text: str) -> None:
        """Take a further piece."""
        ...

    def feed_reasoning(self, text: str) -> None:
        """Take a further piece of the model's thinking."""
        ...

    def feed_refusal(self, text: str) -> None:
        """Take a further piece of a refusal."""
        ...

    def finish(self) -> None:
        """End the answer."""
        ...


class _Plain:
    """Writes an answer's text as it comes, for pipes and files; thinking is left out."""

    def __init__(self) -> None:
        self._ends_line = True
        self._cleaner = TextCleaner()

    def feed(self, text: str) -> None:
        """Write a further piece."""
        self._write(self._cleaner.feed(text))

    def feed_reasoning(self, text: str) -> None:
        """Leave it out: whoever reads the pipe wants the answer."""

    def feed_refusal(self, text: str) -> None:
        """Write a further piece; that it is a refusal is told beside it."""
        self.feed(text)

    def finish(self) -> None:
        """End the last line."""
        self._write(self._cleaner.finish())
        if not self._ends_line:
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            encoding = stdout_encoding()
            sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
            sys.stdout.flush()
            self._ends_line = text.endswith("\n")


class _Silent:
    """Writes nothing: the result comes as JSON in the end."""

    def feed(self, text: str) -> None:
        """Take a piece."""

    def feed_reasoning(self, text: str) -> None:
        """Take a piece of thinking."""

    def feed_refusal(self, text: str) -> None:
        """Take a piece of a refusal."""

    def finish(self) -> None:
        """End."""


def answer_writer(program: Program) -> AnswerWriter:
    """Choose how an answer is written: drawn on a terminal, else as plain text."""
    if program.options.json:
        return _Silent()
    encoding = stdout_encoding()
    if not sys.stdout.isatty() or program.environment.get("TERM", "dumb") in ("", "dumb"):
        return _Plain()
    from chatrepl.terminal.capabilities import rewraps
    from chatrepl.terminal.draw.event_renderer import EventRenderer
    from chatrepl.terminal.plain.one_answer import OneAnswerWriter

    drawing = EventRenderer(
        program.environment,
        is_terminal=True,
        encoding=encoding,
        no_color=program.options.no_color,
    )
    return OneAnswerWriter(
        sys.stdout,
        drawing,
        program.session.settings,
        rewraps=rewraps(program.environment),
    )


async def one_shot(program: Program, text: str) -> int:
    """Ask once; return the exit code."""
    session, options = program.session, program.options
    output: AnswerWriter = answer_writer(program)
    answers: list[Message] = []
    code = 1
    failure: OSError | None = None
    async for event in sequenced(session.ask(text)):
        try:
            match event:
                case AnswerStarted(among=Among() as among):
                    write_heading(output, event.model, among, is_first=not answers)
                case TextDelta() | RefusalDelta() | ReasoningDelta():
                    write_piece(output, event)
                case AnswerEnded(message=message):
                    output.finish()
                    answers.append(message)
                    code = exit_code(*answers)
                    tell_end(event, options.quiet)
                case Notice():
                    code = event.exit_code or code
                    tell(event, options.quiet)
                case _:
                    pass
        except OSError as error:
            # The answer is stopped, not left: what came of it must still reach the disk.
            failure, output = error, _Silent()
            session.stop()
    if failure is not None:
        raise _in_words(failure)
    if options.json and answers:
        print_line(printable_json(results_of(answers)))
    return code


def _in_words(failure: OSError) -> Exception:
    """Return what tells that an answer cannot be written; a reader that left stays what it is."""
    if isinstance(failure, BrokenPipeError):
        return failure
    return ChatreplError(f"the answer cannot be written: {failure.strerror}")


def write_piece(output: AnswerWriter, piece: TextDelta | RefusalDelta | ReasoningDelta) -> None:
    """Write a further piece of an answer as what it is."""
    match piece:
        case TextDelta(text=text):
            output.feed(text)
        case RefusalDelta(text=text):
            output.feed_refusal(text)
        case ReasoningDelta(text=text):
            output.feed_reasoning(text)


def write_heading(output: AnswerWriter, model: str, among: Among, *, is_first: bool) -> None:
    """Write what stands above one of several answers: a heading, in Markdown too."""
    if not is_first:
        output.feed("\n")
    whose = f": {safe_line(model)}" if among.is_compared else ""
    output.feed(f"## Answer {among.number} of {among.of}{whose}\n\n")
    output.finish()


def exit_code(*answers: Message) -> int:
    """Return what the program ends with after the answers to a message."""
    states = {answer.state for answer in answers}
    if State.STOPPED in states:
        return _INTERRUPTED
    return 0 if states == {State.COMPLETE} else 1


def tell(notice: Notice, quiet: bool) -> None:
    """Write a warning or an error on stderr; only errors where it shall be quiet."""
    wanted = (Level.ERROR,) if quiet else (Level.WARNING, Level.ERROR)
    if notice.text and notice.level in wanted:
        # A command cannot be typed here.
        where = "in a conversation: " if notice.hint.startswith("/") else ""
        hint = f" — {where}{notice.hint}" if notice.hint else ""
        print_line(f"chatrepl: {safe_line(notice.text + hint)}", to_stderr=True)


def tell_end(ended: AnswerEnded, quiet: bool) -> None:
    """Say on stderr what is special about an answer: what ended it, refused, filtered, empty."""
    message = ended.message
    if ended.error is not None:
        tell(ended.error, quiet)
    told = [REFUSES] if refusal_of(message) else []
    told += [describe_tool_call(name, arguments) for name, arguments in called_tools(message)]
    if filtered := describe_filtered(message):
        told.append(filtered)
    if message.finish_reason == "length":
        told.append("the answer ends early: length")
    if message.state is State.COMPLETE and not message.content.strip() and not told:
        told.append("the answer is empty")
    for text in told:
        tell(Notice(text, Level.WARNING), quiet)


def results_of(answers: Sequence[Message]) -> dict[str, Json]:
    """Put a message's answers into the form of ``--json``: that of the current one.

    Where there are several, it has all of them in order under ``answers``.
    """
    if len(answers) == 1:
        return result_of(answers[0])
    whole = [answer for answer in answers if answer.state is State.COMPLETE]
    current = (whole or answers)[0]
    return {**result_of(current), "answers": [result_of(answer) for answer in answers]}


def result_of(message: Message) -> dict[str, Json]:
    """Put what an answer is and what it used into the form of ``--json``."""
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


async def dry_run(program: Program, text: str) -> int:
    """Print the request that would be sent; nothing is sent or saved. Too large for it: 2."""
    session = program.session
    question = session.new_question(valid_text(text), session.pending)
    [asked] = await session.candidates()
    plan, request = await session.preflight.next_request(asked, question)
    print_line(printable_json(dict(request.body), indent=2))
    if not plan.fits:
        print_line("chatrepl: this does not fit the budget", to_stderr=True)
    return 0 if plan.fits else 2


def run_until_signal(work: Coroutine[Any, Any, int], stop: Callable[[], bool]) -> int:
    """Run to the end; Ctrl-C stops the answer, other signals stop, save, and are raised again."""
    caught: list[int] = []

    async def run() -> int:
        task = asyncio.ensure_future(work)

        def interrupt(number: int) -> None:
            caught.append(number)
            if not stop() or len(caught) > 1:
                task.cancel()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if not is_ignored(number):
                loop.add_signal_handler(number, interrupt, number)
        try:
            return await task
        except asyncio.CancelledError:
            return _INTERRUPTED

    try:
        code = run_and_leave(run())
    except BrokenPipeError:
        # Whoever read has seen enough; the flush at exit must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    if caught and caught[0] != signal.SIGINT:
        signal.signal(caught[0], signal.SIG_DFL)
        os.kill(os.getpid(), caught[0])
    return _INTERRUPTED if caught else code


async def quietly(events: AsyncIterator[Event], quiet: bool) -> None:
    """Run a command's events where nobody watches: only its notices are told."""
    async for event in events:
        if isinstance(event, Notice):
            tell(event, quiet)
            if event.level is Level.ERROR:
                raise ChatreplError(event.text, event.hint)
