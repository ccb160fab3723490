"""A conversation on a terminal that can do nothing but lines (``TERM=dumb``): no escapes at all.

Lines are read as the terminal sends them, answers are written line by line. What is typed while an
answer comes waits in the terminal's own queue.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
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
    MessageAccepted,
    Meter,
    Notice,
    PlainText,
    Progress,
    ReasoningDelta,
    RefusalDelta,
    SessionChanged,
    Table,
    TextCopied,
    TextDelta,
    ToolCalled,
    WordsShaded,
)
from chatrepl.core.session import Session
from chatrepl.core.text.terminal_safe import safe_line, safe_text
from chatrepl.core.turn.sequencer import sequenced
from chatrepl.terminal.capabilities import window_size
from chatrepl.terminal.draw.event_renderer import EventRenderer
from chatrepl.terminal.tty.raw_mode import is_ignored

if TYPE_CHECKING:
    from chatrepl.terminal.draw.answer_view import AnswerView

__all__ = ["DumbTerminal"]

_LARGEST_READ = 65536


class DumbTerminal:
    """Reads lines from a terminal's descriptor, and writes lines to a stream."""

    def __init__(
        self, session: Session, drawing: EventRenderer, output: TextIO, input_fd: int, mark: str
    ) -> None:
        self._session = session
        self._drawing = drawing
        self._output = output
        self._input_fd = input_fd
        self._mark = mark
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._pending = b""
        self._view: AnswerView | None = None
        self._is_leaving = False

    async def run(self, begin: AsyncIterator[Event]) -> int | None:
        """Talk until the input ends; returns the number of the signal that ended it, if one did."""
        fatal: list[int] = []
        loop = asyncio.get_running_loop()
        loop.add_reader(self._input_fd, self._read)
        if not is_ignored(signal.SIGINT):
            loop.add_signal_handler(signal.SIGINT, self._interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            if is_ignored(number):
                continue
            loop.add_signal_handler(number, self._end_by_signal, number, fatal.append)
        try:
            await self._deal(begin)
            while not self._is_leaving:
                await self._next_message()
        finally:
            loop.remove_reader(self._input_fd)
        return fatal[0] if fatal else None

    async def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask yes or no; the end of the input is a no."""
        choices = "[Y/n]" if default else "[y/N]"
        self._write(f"{safe_line(question)} {choices} ")
        answer = await self._lines.get()
        if answer is None:
            self._is_leaving = True
            return False
        word = answer.strip().lower()
        return default if not word else word in ("y", "yes")

    async def ask_text(self, question: str, *, secret: bool = False) -> str | None:
        """Ask for a line; None for a secret, which this terminal would show."""
        if secret:
            return None
        self._write(f"{safe_line(question)} ")
        answer = await self._lines.get()
        if answer is None:
            self._is_leaving = True
        return answer

    async def _next_message(self) -> None:
        self._write(self._mark)
        parts: list[str] = []
        while True:
            line = await self._lines.get()
            if line is None:
                self._is_leaving = True
                return
            parts.append(line.removesuffix("\\"))
            if not line.endswith("\\"):
                break
        text = "\n".join(parts)
        if text.strip():
            await self._deal(handle_line(self._session, text))

    async def _deal(self, events: AsyncIterator[Event]) -> None:
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
            case TextDelta() | ReasoningDelta() | RefusalDelta():
                pass
            case Notice() | Table() | Meter() | PlainText() | ConversationShown() | WordsShaded():
                self._print(self._drawing.lines(event, settings, self._columns))
            case ExitRequested():
                self._is_leaving = True
            case EditorRequested():
                self._show(Notice("there is no editor on a terminal of this kind", Level.ERROR))
            case DraftReturned(text=text, was_sent=was_sent):
                told = "taken back" if was_sent else "not sent"
                self._print([f"{told}: {line}" for line in safe_text(text).split("\n")])
            case MessageAccepted() | Progress() | SessionChanged() | TextCopied() | ToolCalled():
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
        """The window's width; what the terminal doesn't tell is 80 columns."""
        return window_size(self._output.fileno()).columns

    def _print(self, lines: Sequence[str]) -> None:
        self._write("".join(f"{line}\n" for line in lines))

    def _write(self, text: str) -> None:
        encoding = self._output.encoding or "utf-8"
        with contextlib.suppress(OSError, ValueError):
            self._output.write(text.encode(encoding, "replace").decode(encoding))
            self._output.flush()

    def _read(self) -> None:
        try:
            data = os.read(self._input_fd, _LARGEST_READ)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._input_fd)
            self._lines.put_nowait(None)
            self._session.stop()
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._lines.put_nowait(line.decode("utf-8", "replace"))

    def _interrupt(self) -> None:
        if not self._session.stop():
            self._print(["", "/exit or the end of the input leaves"])
            self._write(self._mark)

    def _end_by_signal(self, number: int, note: Callable[[int], None]) -> None:
        note(number)
        self._is_leaving = True
        self._session.stop()
        self._lines.put_nowait(None)
