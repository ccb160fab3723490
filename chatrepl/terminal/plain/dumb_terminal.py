"""A conversation on a terminal without escape sequences (``TERM=dumb``).

Lines are read as the terminal sends them, answers are written line by line. Lines typed while an
answer comes wait in the terminal's own queue.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, TextIO

from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.errors import ChatreplError
from chatrepl.core.events import (
    AnswerEnded,
    AnswerStarted,
    ConversationShown,
    DraftReturned,
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
    TextDelta,
    WordsShaded,
)
from chatrepl.core.session import Session
from chatrepl.core.text.terminal_safe import safe_line, safe_text
from chatrepl.core.turn.sequencer import sequenced
from chatrepl.terminal.capabilities import window_size, write_text
from chatrepl.terminal.draw.event_renderer import EventRenderer
from chatrepl.terminal.tty.raw_mode import is_ignored

if TYPE_CHECKING:
    from chatrepl.terminal.draw.answer_view import AnswerView


_MAXIMUM_READ_BYTES = 65536


class DumbTerminal:
    """A conversation over a terminal's descriptor, read by lines, and an output stream.

    ``mark`` is the prompt. ``confirm`` and ``ask_text`` are those of the ``Person`` port.
    """

    def __init__(
        self, session: Session, drawing: EventRenderer, output: TextIO, input_fd: int, mark: str
    ) -> None:
        self._session = session
        self._drawing = drawing
        self._output = output
        self._input_fd = input_fd
        self._mark = mark
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        """Lines that were read; None: the end of the input."""
        self._unfinished = b""
        self._view: AnswerView | None = None
        self._is_leaving = False

    async def run(self, opening: AsyncIterator[Event]) -> int | None:
        """Show the events that open the session, then run lines until the input ends.

        Returns the number of the signal that ended it, or None.
        """
        signals: list[int] = []
        loop = asyncio.get_running_loop()
        loop.add_reader(self._input_fd, self._read)
        if not is_ignored(signal.SIGINT):
            loop.add_signal_handler(signal.SIGINT, self._interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            if is_ignored(number):
                continue
            loop.add_signal_handler(number, self._end_by_signal, number, signals)
        try:
            await self._show_events(opening)
            while not self._is_leaving:
                await self._run_next_line()
        finally:
            loop.remove_reader(self._input_fd)
        return signals[0] if signals else None

    async def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask yes or no; the end of the input means no."""
        answer = await self._ask(f"{question} {'[Y/n]' if default else '[y/N]'}")
        if answer is None:
            return False
        word = answer.strip().lower()
        return default if not word else word in ("y", "yes")

    async def ask_text(self, question: str, *, secret: bool = False) -> str | None:
        """Ask for a line; None for a secret, which this terminal would show."""
        return None if secret else await self._ask(question)

    async def _ask(self, question: str) -> str | None:
        self._write(f"{safe_line(question)} ")
        return await self._next_line()

    async def _next_line(self) -> str | None:
        """Return the next line; None at the end of the input, which ends the conversation."""
        line = await self._lines.get()
        if line is None:
            self._is_leaving = True
        return line

    async def _run_next_line(self) -> None:
        """Run the next line, joined with those below it as long as it ends in a backslash."""
        self._write(self._mark)
        parts: list[str] = []
        while True:
            line = await self._next_line()
            if line is None:
                return
            parts.append(line.removesuffix("\\"))
            if not line.endswith("\\"):
                break
        text = "\n".join(parts)
        if text.strip():
            await self._show_events(handle_line(self._session, text))

    async def _show_events(self, events: AsyncIterator[Event]) -> None:
        try:
            async for event in sequenced(events):
                self._show(event)
        except ChatreplError as error:
            self._show(Notice.of(error))

    def _show(self, event: Event) -> None:
        settings = self._session.settings
        match event:
            case TextDelta() | ReasoningDelta() | RefusalDelta() if self._view is not None:
                self._print(self._view.feed(event, self._columns))
            case AnswerStarted():
                self._print(self._drawing.lines(event, settings, self._columns))
                self._view = self._drawing.answer(settings, self._columns)
            case AnswerEnded():
                self._end_answer(event)
            case Notice() | Table() | Meter() | PlainText() | ConversationShown() | WordsShaded():
                self._print(self._drawing.lines(event, settings, self._columns))
            case ExitRequested():
                self._is_leaving = True
            case EditorRequested():
                self._show(Notice("there is no editor on a terminal of this kind", Level.ERROR))
            case DraftReturned(text=text, was_sent=was_sent):
                label = "taken back" if was_sent else "not sent"
                self._print([f"{label}: {line}" for line in safe_text(text).split("\n")])
            case _:
                # Nothing to show here: accepted messages, progress, other sessions, tools.
                pass

    def _end_answer(self, ended: AnswerEnded) -> None:
        if self._view is not None:
            self._print(self._view.finish(self._columns))
            self._view = None
        self._print(self._drawing.lines(ended, self._session.settings, self._columns))
        if ended.error is not None:
            self._show(ended.error)

    @property
    def _columns(self) -> int:
        """The window's width; 80 where it is unknown."""
        return window_size(self._output.fileno()).columns

    def _print(self, lines: Sequence[str]) -> None:
        self._write("".join(f"{line}\n" for line in lines))

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            write_text(self._output, text)

    def _read(self) -> None:
        try:
            data = os.read(self._input_fd, _MAXIMUM_READ_BYTES)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._input_fd)
            self._lines.put_nowait(None)
            self._session.stop()
            return
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._lines.put_nowait(line.decode("utf-8", "replace"))

    def _interrupt(self) -> None:
        if not self._session.stop():
            self._print(["", "/exit or the end of the input leaves"])
            self._write(self._mark)

    def _end_by_signal(self, number: int, signals: list[int]) -> None:
        signals.append(number)
        self._is_leaving = True
        self._session.stop()
        self._lines.put_nowait(None)
