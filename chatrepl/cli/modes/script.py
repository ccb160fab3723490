"""Script mode: messages and slash-commands from a file or stdin, one on each line."""

import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chatrepl.cli.modes.line_source import LineSource
from chatrepl.cli.modes.output import (
    answer_writer,
    drawing_for_stdout,
    exit_code,
    print_notice,
    print_warnings,
    results_of,
    write_heading,
)
from chatrepl.cli.process import printable_json
from chatrepl.cli.program import Program
from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.errors import UsageError
from chatrepl.core.events import (
    AnswerEnded,
    AnswerStarted,
    ConversationShown,
    EditorRequested,
    Event,
    ExitRequested,
    Level,
    Meter,
    Notice,
    PlainText,
    ReasoningDelta,
    RefusalDelta,
    Table,
    TextCopied,
    TextDelta,
    WordsShaded,
)
from chatrepl.core.text.terminal_safe import safe_line
from chatrepl.core.turn.sequencer import sequenced
from chatrepl.services.files.private_files import explain_os_error
from chatrepl.terminal.capabilities import write_text

if TYPE_CHECKING:
    from chatrepl.core.messages import Message
    from chatrepl.terminal.draw.event_renderer import DrawableEvent


_COLUMNS = 80


def open_script(path: str) -> LineSource:
    """Open a script by its path; ``-`` is stdin. Raises ``UsageError``."""
    if path == "-":
        return LineSource(0)
    try:
        target = Path(path).expanduser()
        if target.is_dir():
            raise UsageError(f"--script: {path} is a folder", "name a file")
        return LineSource(os.open(target, os.O_RDONLY))
    except (OSError, ValueError, RuntimeError) as error:
        cause = explain_os_error(error)[0] if isinstance(error, OSError) else str(error)
        raise UsageError(f"--script: cannot read {path}: {cause}") from None


class Script:
    """A run of a script's lines, up to the first that fails: those below it may build on it."""

    def __init__(self, program: Program, source: LineSource, name: str) -> None:
        self._program = program
        self._session = program.session
        self._source = source
        self._name = "stdin" if name == "-" else name
        self._writer = answer_writer(program)
        self._is_leaving = False
        self._has_written = False
        self._answers: list[Message] = []
        self._code = 0

    def stop(self) -> bool:
        """Stop the answer on its way, and run no further line."""
        self._source.close()
        return self._session.stop()

    async def run(self) -> int:
        """Run the lines; return the exit code of the line that failed, else 0."""
        async for number, line in self._statements():
            self._answers = []
            async for event in sequenced(handle_line(self._session, line)):
                self._show(event, number)
            if self._program.options.json and self._answers:
                _write(printable_json(results_of(self._answers)))
            if self._code or self._is_leaving:
                break
        return self._code

    async def _statements(self) -> AsyncIterator[tuple[int, str]]:
        """Yield each statement with the number of its first line.

        Lines that end in a backslash are joined; empty ones and a first ``#!`` line are left out.
        """
        parts: list[str] = []
        started = 0
        async for number, line in self._source:
            if number == 1 and line.startswith("#!"):
                continue
            started = started if parts else number
            parts.append(line.removesuffix("\\"))
            if line.endswith("\\"):
                continue
            text, parts = "\n".join(parts), []
            if text.strip():
                yield started, text
        if "\n".join(parts).strip():
            yield started, "\n".join(parts)

    def _show(self, event: Event, number: int) -> None:
        match event:
            case AnswerStarted(among=among):
                self._separate()
                if among is not None:
                    write_heading(self._writer, event.model, among, is_first=True)
            case TextDelta() | RefusalDelta() | ReasoningDelta():
                self._writer.feed(event)
            case AnswerEnded(message=message):
                self._writer.finish()
                self._has_written = True
                self._answers.append(message)
                self._code = self._code or exit_code(message)
                if event.error is not None:
                    self._print_notice(event.error, number)
                print_warnings(replace(event, error=None), self._program.options.quiet)
            case Notice():
                self._print_notice(event, number)
            case Table() | Meter() | PlainText() | WordsShaded() | ConversationShown():
                self._draw(event)
            case EditorRequested() | TextCopied():
                name = "an editor" if isinstance(event, EditorRequested) else "the clipboard"
                text = f"{name} is not to be had in a script"
                self._print_notice(Notice(text, Level.ERROR, exit_code=2), number)
            case ExitRequested():
                self._is_leaving = True
            case _:
                pass

    def _print_notice(self, notice: Notice, number: int) -> None:
        """Write a notice to stderr, an error with its line; an error sets the exit code."""
        quiet = self._program.options.quiet
        if notice.level is Level.ERROR:
            self._code = self._code or notice.exit_code or 1
            text = f"{self._name}, line {number}: {notice.text}"
            print_notice(Notice(text, Level.ERROR, notice.hint), quiet)
        elif notice.level is Level.WARNING:
            print_notice(notice, quiet)
        elif notice.text and not quiet:
            sys.stderr.write(safe_line(notice.text) + "\n")
            sys.stderr.flush()

    def _draw(self, event: "DrawableEvent") -> None:
        self._separate()
        drawing = drawing_for_stdout(self._program)
        for line in drawing.lines(event, self._session.settings, _COLUMNS):
            _write(line)
        self._has_written = True

    def _separate(self) -> None:
        """Write an empty line between the output of two statements."""
        if self._has_written and not self._program.options.json:
            _write("")
            self._has_written = False


def _write(line: str) -> None:
    write_text(sys.stdout, line + "\n")
