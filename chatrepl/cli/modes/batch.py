"""Batch mode: each line of stdin is a message of its own, each answer a line of JSON."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from chatrepl.cli.event_loop import INTERRUPTED
from chatrepl.cli.modes.line_source import LineSource
from chatrepl.cli.modes.output import exit_code, results_of
from chatrepl.cli.process import printable_json
from chatrepl.cli.program import Program
from chatrepl.core.errors import ChatreplError
from chatrepl.core.events import AnswerEnded, Level, Notice
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, State
from chatrepl.core.session import Session
from chatrepl.core.settings.layers import Layer
from chatrepl.core.turn.sequencer import sequenced

_PROGRESS_S = 0.1


class Batch:
    """A run over many lines: up to ``--parallel`` at the same time, each its own conversation.

    Results are written as they come, each with its line's number. ``words`` are put before each
    line.
    """

    def __init__(self, program: Program, words: Sequence[str], source: LineSource) -> None:
        self._program = program
        self._prefix = " ".join(words)
        self._source = source
        self._sessions: list[Session] = []
        self._attachments: Sequence[Mapping[str, Json]] = ()
        self._is_stopped = False
        self._failure: ChatreplError | OSError | None = None
        """The reason for which no further line is sent."""
        self._done = self._failed = 0
        self._shows_progress = not program.options.quiet and _is_terminal(2)
        self._shown_s = 0.0

    def stop(self) -> bool:
        """Stop all sessions; the answers so far are written."""
        self._is_stopped = True
        self._source.close()
        for session in self._sessions:
            session.stop()
        return bool(self._sessions)

    async def run(self) -> int:
        """Send all lines; return the exit code: 1 if any of them failed.

        When the answers on their way have ended, raises ``ChatreplError`` for lines that cannot be
        read and results that cannot be written, ``BrokenPipeError`` if the reader left.
        """
        first = self._program.session
        self._attachments = first.pending
        async for _ in first.servers.prepare_local():
            pass
        # The model is looked up once, so that an error about it is reported once.
        model = (await first.target()).model
        self._sessions = [first, *(self._new_session(model) for _ in range(self._parallel - 1))]
        workers = [asyncio.create_task(self._work(session)) for session in self._sessions]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._show_progress(is_last=True)
        for session in self._sessions:
            # Each session's notices about the disk are reported with the first one's.
            first.autosave.notices.extend(() if session is first else session.take_notices())
        if self._failure is not None:
            raise self._failure
        if self._is_stopped:
            return INTERRUPTED
        return 1 if self._failed else 0

    @property
    def _parallel(self) -> int:
        return self._program.options.parallel or 1

    def _new_session(self, model: str) -> Session:
        """Create a further session with the same model and settings."""
        first = self._program.session
        if first.servers.uses_local:
            return Session(first.ports, first.settings, server=None, uses_local=True)
        settings = first.settings.with_value(Layer.COMMAND, "model", model)
        return Session(first.ports, settings, server=first.servers.current)

    async def _work(self, session: Session) -> None:
        try:
            await self._send_lines(session)
        except (ChatreplError, BrokenPipeError) as error:
            self._failure = self._failure or error
            # The other sessions' answers come to their end, and are kept.
            self._source.close()

    async def _send_lines(self, session: Session) -> None:
        async for number, line in self._source:
            if not line.strip():
                continue
            session.pending = self._attachments
            text = f"{self._prefix}\n\n{line}" if self._prefix else line
            self._write({"line": number, "input": line, **await self._send(session, text)})
            self._done += 1
            self._show_progress()
            session.start_new()

    async def _send(self, session: Session, text: str) -> Mapping[str, Json]:
        """Send one message; return its result, with an ``error`` if it failed."""
        answers: list[Message] = []
        failure: Notice | None = None
        async for event in sequenced(session.ask(text)):
            match event:
                case AnswerEnded(message=message, error=error):
                    answers.append(message)
                    failure = error or failure
                case Notice(level=Level.ERROR):
                    failure = event
                case _:
                    pass
        if answers and exit_code(*answers) == 0:
            return results_of(answers)
        self._failed += 1
        result = results_of(answers) if answers else {"state": State.FAILED.value}
        cause = failure or Notice("stopped" if self._is_stopped else "no answer came")
        return {**result, "error": {"message": cause.text, "hint": cause.hint}}

    def _write(self, row: Mapping[str, Json]) -> None:
        """Write a result at once. Where that fails, stop all: no result can be written any more."""
        try:
            sys.stdout.write(printable_json(dict(row)) + "\n")
            sys.stdout.flush()
        except OSError as error:
            self.stop()
            if isinstance(error, BrokenPipeError):
                raise
            raise ChatreplError(f"the results cannot be written: {error.strerror}") from None

    def _show_progress(self, *, is_last: bool = False) -> None:
        now_s = time.monotonic()
        if not self._shows_progress or (now_s - self._shown_s < _PROGRESS_S and not is_last):
            return
        self._shown_s = now_s
        failed = f", {self._failed:,} failed" if self._failed else ""
        with suppress(OSError, ValueError):
            sys.stderr.write(f"\r\x1b[K{self._done:,} done{failed}" + ("\n" if is_last else ""))
            sys.stderr.flush()


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
