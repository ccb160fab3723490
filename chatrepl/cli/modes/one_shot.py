"""One-shot mode: one message in, one answer out, for pipes, scripts and quick questions.

The answer goes to stdout as it comes, everything else to stderr.
"""

import os
import sys
from typing import TYPE_CHECKING

from chatrepl.cli.modes.output import (
    AnswerWriter,
    NullWriter,
    answer_writer,
    exit_code,
    print_notice,
    print_warnings,
    results_of,
    write_heading,
)
from chatrepl.cli.process import print_line, printable_json
from chatrepl.cli.program import Program
from chatrepl.core.errors import ChatreplError, UsageError
from chatrepl.core.events import (
    Among,
    AnswerEnded,
    AnswerStarted,
    Notice,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
)
from chatrepl.core.text.surrogates import valid_text
from chatrepl.core.turn.sequencer import sequenced

if TYPE_CHECKING:
    from chatrepl.core.messages import Message


def read_message(words: list[str]) -> str:
    """Join the words of the command line and the piped text by a blank line.

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


async def answer_once(program: Program, text: str) -> int:
    """Send a message and write its answers; return the exit code.

    Raises ``BrokenPipeError`` for a reader that left, ``ChatreplError`` for other write errors.
    """
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
                    output.feed(event)
                case AnswerEnded(message=message):
                    output.finish()
                    answers.append(message)
                    code = exit_code(*answers)
                    print_warnings(event, options.quiet)
                case Notice():
                    code = event.exit_code or code
                    print_notice(event, options.quiet)
                case _:
                    pass
        except OSError as error:
            # The answer is stopped, not abandoned: what came of it must still reach the disk.
            failure, output = error, NullWriter()
            session.stop()
    if isinstance(failure, BrokenPipeError):
        raise failure
    if failure is not None:
        raise ChatreplError(f"the answer cannot be written: {failure.strerror}")
    if options.json and answers:
        print_line(printable_json(results_of(answers)))
    return code


async def print_request(program: Program, text: str) -> int:
    """Print the request that would be sent, and send nothing; return 2 if it is too large."""
    session = program.session
    question = session.new_question(valid_text(text), session.pending)
    [candidate] = await session.candidates()
    plan, request = await session.preflight.next_request(candidate, question)
    print_line(printable_json(dict(request.body), indent=2))
    if not plan.fits:
        print_line("chatrepl: this does not fit the budget", to_stderr=True)
    return 0 if plan.fits else 2
