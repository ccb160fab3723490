"""Live prompt: one application that has the terminal for the whole session."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from prompt_toolkit.enums import EditingMode
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.layout import Layout

from chatrepl.terminal.prompt.actions import Actions
from chatrepl.terminal.prompt.assembly import build_frames, build_view
from chatrepl.terminal.prompt.editor import EditorError, edit_text
from chatrepl.terminal.prompt.input_line import InputLine
from chatrepl.terminal.prompt.key_actions import KeyActions
from chatrepl.terminal.prompt.key_bindings import build_key_bindings
from chatrepl.terminal.prompt.questions import Questions
from chatrepl.terminal.screen.live_region import RegionState
from chatrepl.terminal.screen.renderer import WriterOutput, choose_colour_depth, clipboard_sequence
from chatrepl.terminal.tty.keyboard import Keyboard
from chatrepl.terminal.tty.query_sequences import Background
from chatrepl.terminal.tty.raw_mode import PASTE_ON, HeldTerminal
from chatrepl.terminal.tty.signals import SignalWatch
from chatrepl.terminal.tty.writer import TerminalWriter

_T = TypeVar("_T")

_HINT_S = 2.5
_PASTE_OFF_CURSOR_ON = b"\x1b[?2004l\x1b[?25h"
_CLEAR_ROW = b"\r\x1b[K"


class LivePrompt:
    """Prompt that reads the keys, and alone writes to the terminal.

    ``actions`` may be replaced while the prompt runs. All methods belong to the event loop's
    thread. Lines carry SGR and OSC 8 sequences, and no other control character.
    """

    def __init__(
        self,
        *,
        actions: Actions,
        held: HeldTerminal,
        history_file: Path | None,
        vi: bool,
        unicode: bool,
    ) -> None:
        self._held = held
        self._fatal_signal: int | None = None
        self._is_over = False
        self._handing_over = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._hint_timer: asyncio.TimerHandle | None = None

        self._connect(unicode=unicode)
        mark = "❯ " if unicode else "> "  # noqa: RUF001 the prompt's own sign
        # Lambdas, for the actions may be replaced.
        self._state = RegionState(mark=mark, toolbar=lambda: self.actions.toolbar())  # noqa: PLW0108
        self.line = InputLine(lambda text: self.actions.complete(text), history_file)  # noqa: PLW0108
        self._questions = Questions(self._state, self.refresh)
        self._region, layout = build_view(self._state, self.line.buffer, self._questions.window)
        self._questions.attach(layout, self.line.buffer)
        keys = self._bind_keys(actions, layout)
        self._app, self._frames = build_frames(
            self._region,
            layout,
            keys,
            self._keyboard,
            self._output,
            self._writer,
            on_resize=lambda: self.actions.resized(),  # noqa: PLW0108
            on_error=self._fail,
        )
        self._signals = SignalWatch(
            on_fatal=self._end_by_signal,
            on_interrupt=self._interrupt_by_signal,
            on_suspend=self._suspend_by_signal,
            on_continue=self._continue_by_signal,
        )
        self.vi = vi

    def _bind_keys(self, actions: Actions, layout: Layout) -> KeyBindings:
        self._key_actions = KeyActions(
            self.line,
            actions,
            self._questions,
            is_searching=lambda: layout.is_searching,
            hint=self.hint,
            repaint=self.repaint,
            suspend=self._suspend_by_key,
            open_editor=lambda: self._spawn(self._edit_line()),
        )
        return build_key_bindings(self._key_actions, self._questions)

    def _connect(self, *, unicode: bool) -> None:
        encoding = "utf-8" if unicode else "latin-1"
        on_closed = partial(self._end_by_signal, signal.SIGHUP)
        self._writer = TerminalWriter(self._held.output_fd, on_closed)
        self._output = WriterOutput(self._writer, choose_colour_depth(os.environ), encoding)
        self._keyboard = Keyboard(
            self._held.input_fd,
            on_closed=on_closed,
            on_error=self._fail,
            on_reply=lambda reply: self._frames.queries.take_reply(reply),  # noqa: PLW0108 made later
            encoding=encoding,
            bytes_before=self._held.bytes_before,
        )

    async def run(self) -> int | None:
        """Run until ``leave``, and restore the terminal whatever happens.

        Returns None, or the number of the signal that ended the session: the caller then saves and
        calls ``exit_by_signal``. Raises what an action raised.
        """
        self._writer.start(asyncio.get_running_loop())
        self._signals.start()
        if self._held.bytes_before:
            # It was typed before this program had raw mode, and so echoed.
            self._writer.write(_CLEAR_ROW)
        try:
            if not self._is_over:
                await self._app.run_async(handle_sigint=False, set_exception_handler=False)
        finally:
            await self._finish()
        return self._fatal_signal

    async def painted(self) -> None:
        """Wait until the prompt is on the screen."""
        await self._frames.has_painted.wait()

    async def ask_background(self) -> None:
        """Ask the terminal for its background, after the text typed before the prompt was read."""
        await self._keyboard.typed_ahead_is_read()
        self._keyboard.expect_reply()
        self._frames.ask_background()

    def leave(self) -> None:
        """End ``run``; lines handed over are still printed."""
        self._is_over = True
        self._exit()

    @property
    def actions(self) -> Actions:
        """The program behind the keys."""
        return self._key_actions.actions

    @actions.setter
    def actions(self, actions: Actions) -> None:
        self._key_actions.actions = actions

    # Output.

    def print(self, lines: Sequence[str]) -> None:
        """Print finished lines above the prompt, once and in order."""
        self._frames.print(lines)

    def show_tail(self, lines: Sequence[str]) -> None:
        """Show the lines that may still change; those that don't fit are left out at the top."""
        if lines != self._state.tail:
            self._state.tail = lines
            self._frames.request(is_input_same=True)

    def show_queued(self, texts: Sequence[str]) -> None:
        """Show queued messages as dim rows."""
        self._state.queued = texts
        self._frames.request()

    def show_status(self, text: str) -> None:
        """Show a status row; an empty text removes it."""
        if text != self._state.status:
            self._state.status = text
            self._frames.request()

    def repaint(self) -> None:
        """Erase the live region and draw it again."""
        self._frames.repaint()

    def refresh(self) -> None:
        """Paint soon, because the toolbar has changed."""
        self._frames.request()

    def hint(self, text: str) -> None:
        """Show a text in the toolbar's place for 2.5 s."""
        self._clear_hint()
        self._state.hint = text
        self._hint_timer = asyncio.get_running_loop().call_later(_HINT_S, self._clear_hint)

    async def ready(self) -> None:
        """Wait until all lines are printed and the terminal can take more."""
        await self._frames.ready()

    def set_clipboard(self, text: str) -> None:
        """Ask the terminal to set its clipboard (OSC 52); not all of them do."""
        self._writer.write(clipboard_sequence(text))

    @property
    def columns(self) -> int:
        """The window's width."""
        return self._output.get_size().columns

    @property
    def tail_room(self) -> int:
        """Number of tail rows that fit above the rest of the live region."""
        size = self._output.get_size()
        return self._region.tail_room(size.columns, size.rows)

    @property
    def background(self) -> Background | None:
        """The window's background, dark or light; None: not known (yet)."""
        return self._frames.queries.background

    # The input line.

    @property
    def draft(self) -> str:
        """Text that is typed and not sent."""
        return self.line.text

    def set_draft(self, text: str) -> bool:
        """Put text into the input line if that is empty (True), else into the history."""
        is_shown = self.line.set_draft(text)
        self._frames.request()
        return is_shown

    def replace_draft(self, text: str) -> None:
        """Replace the draft."""
        self.line.replace(text)
        self._frames.request()

    @property
    def vi(self) -> bool:
        """True for vi's keys, False for emacs'."""
        return self._app.editing_mode == EditingMode.VI

    @vi.setter
    def vi(self, value: bool) -> None:
        self._app.editing_mode = EditingMode.VI if value else EditingMode.EMACS
        self._keyboard.is_vi = value

    @property
    def multiline(self) -> bool:
        """True if Enter makes a new line and Alt+Enter sends."""
        return self._key_actions.multiline

    @multiline.setter
    def multiline(self, value: bool) -> None:
        self._key_actions.multiline = value

    # Questions, and other programs.

    async def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask yes or no; if cancelled, or at the end of the session, the answer is no."""
        return await self._questions.confirm(question, default=default)

    async def ask_text(self, question: str, *, secret: bool = False) -> str | None:
        """Ask for a line of text, hidden if ``secret``; None: cancelled."""
        return await self._questions.text(question, secret=secret)

    async def edit(self, text: str) -> str:
        """Open the user's editor on a text; return the saved one. Raises ``EditorError``."""
        return await edit_text(text, self.run_child)

    async def run_child(self, child: Callable[[], Awaitable[_T]]) -> _T:
        """Give the terminal to another program until ``child`` returns.

        The event loop goes on; frames wait, Ctrl+C is the other program's.
        """
        async with self._handed_over():
            return await child()

    async def run_child_with_output(self, child: Callable[[], Awaitable[_T]]) -> _T:
        """Give the terminal to a program that prints; its output stays above the prompt."""
        await self.ready()

        async def run() -> _T:
            try:
                return await child()
            finally:
                # The blanks wrap unless the cursor is at a row's start: so the next row is empty.
                with suppress(OSError):
                    os.write(1, b" " * (self.columns - 1) + b"\r\x1b[K")

        return await self.run_child(run)

    def _suspend_by_key(self) -> None:
        self._spawn(self._suspend())

    async def _edit_line(self) -> None:
        try:
            self.line.replace(await self.edit(self.line.text))
        except EditorError as error:
            self.hint(str(error))

    async def _suspend(self) -> None:
        async with self._handed_over():
            self._signals.stop_process(whole_group=True)

    @asynccontextmanager
    async def _handed_over(self) -> AsyncIterator[None]:
        async with self._handing_over:
            await self._frames.pause()
            self._keyboard.pause()
            self._writer.write(_PASTE_OFF_CURSOR_ON)
            await self._writer.drained()
            self._held.make_cooked()
            try:
                yield
            finally:
                if not self._is_over:
                    self._held.make_raw()
                    self._writer.write(PASTE_ON)
                    self._keyboard.resume()
                    self._frames.resume()

    # The end.

    async def _finish(self) -> None:
        self._is_over = True
        self._clear_hint()
        self._questions.close()
        self.line.keep_draft()
        await self._writer.drained()
        self._writer.drain()
        self._held.restore()
        self._writer.close()
        self._signals.stop()

    def _exit(self, error: Exception | None = None) -> None:
        if self._frames.queries.is_waiting:
            # A late reply must not end up in the shell.
            self._spawn(self._exit_after_replies(error))
            return
        future = self._app.future
        if future is not None and not future.done():
            if error is None:
                self._app.exit()
            else:
                self._app.exit(exception=error)

    async def _exit_after_replies(self, error: Exception | None) -> None:
        await self._frames.queries.until_replied()
        self._frames.queries.give_up()
        self._exit(error)

    def _fail(self, error: Exception) -> None:
        self._is_over = True
        self._exit(error)

    def _end_by_signal(self, number: int) -> None:
        if self._fatal_signal is None:
            self._fatal_signal = number
            self.leave()

    def _interrupt_by_signal(self) -> None:
        context = self._app.context
        if self._held.is_raw and not self._is_over and context is not None:
            try:
                context.copy().run(self._app.key_processor.send_sigint)
            except Exception as error:  # noqa: BLE001 the event loop would only print it
                self._fail(error)

    def _suspend_by_signal(self) -> None:
        if self._held.is_raw:
            self._suspend_by_key()
        else:
            self._signals.stop_process(whole_group=False)

    def _continue_by_signal(self) -> None:
        if self._held.is_raw and not self._is_over:
            self._held.make_raw()
            self._writer.write(PASTE_ON)
            self.repaint()

    def _clear_hint(self) -> None:
        self._state.hint = ""
        if self._hint_timer is not None:
            self._hint_timer.cancel()
            self._hint_timer = None
        self._frames.request()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._fail(error)
