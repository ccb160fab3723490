"""The live prompt: one application that has the terminal for the whole session."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from prompt_toolkit.enums import EditingMode
from prompt_toolkit.key_binding.key_bindings import KeyBindings
from prompt_toolkit.layout.layout import Layout

from chatrepl.terminal.prompt.actions import Actions
from chatrepl.terminal.prompt.assembly import build_frames, build_view
from chatrepl.terminal.prompt.editor import EditorError, edit_text
from chatrepl.terminal.prompt.input_line import InputLine
from chatrepl.terminal.prompt.key_actions import KeyActions
from chatrepl.terminal.prompt.key_bindings import build_key_bindings
from chatrepl.terminal.prompt.questions import Questions
from chatrepl.terminal.screen.live_region import RegionState
from chatrepl.terminal.screen.renderer import WriterOutput, choose_colour_depth, clipboard_sequence
from chatrepl.terminal.screen.resizing import Resizing
from chatrepl.terminal.tty.background_colour import Background
from chatrepl.terminal.tty.keyboard import Keyboard
from chatrepl.terminal.tty.raw_mode import PASTE_ON, HeldTerminal, hold_terminal
from chatrepl.terminal.tty.signals import SignalWatch
from chatrepl.terminal.tty.writer import TerminalWriter

__all__ = ["LivePrompt"]

_T = TypeVar("_T")

_HINT_S = 2.5
_SIGHUP = 1
_LEFT_ALONE = b"\x1b[?2004l\x1b[?25h"
_CLEAR_ROW = b"\r\x1b[K"


class LivePrompt:
    """Reads keys and owns everything that is written to the terminal.

    ``actions`` may be replaced while the prompt runs. All methods belong to the event loop's
    thread. Lines carry SGR and OSC 8 sequences, and no other control character.
    """

    def __init__(
        self,
        *,
        actions: Actions,
        held: HeldTerminal | None = None,
        history_file: Path | None = None,
        vi: bool = False,
        unicode: bool = True,
        multiline: bool = False,
    ) -> None:
        self._held = held or hold_terminal()
        self._fatal: int | None = None
        self._is_over = self._is_away = False
        self._away = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._hint_timer: asyncio.TimerHandle | None = None

        self._connect(unicode=unicode)
        mark = "❯ " if unicode else "> "  # noqa: RUF001 the prompt's own sign
        # Lambdas, for the actions may be replaced.
        self._state = RegionState(mark=mark, toolbar=lambda: self.actions.toolbar())  # noqa: PLW0108
        self.line = InputLine(lambda text: self.actions.complete(text), history_file)  # noqa: PLW0108
        self._resizing = Resizing(self._state, lambda: self.actions.resized(), self.refresh)  # noqa: PLW0108
        self._questions = Questions(self._state, self.refresh)
        self._region, layout = build_view(self._state, self.line.buffer, self._questions.window)
        self._questions.attach(layout, self.line.buffer)
        keys = self._bind_keys(actions, layout, multiline=multiline)
        self._app, self._frames = build_frames(
            self._region,
            layout,
            keys,
            self._keyboard,
            self._output,
            self._writer,
            on_resize=self._resizing.note,
            on_error=self._fail,
        )
        self._signals = SignalWatch(
            on_fatal=self._end_by_signal,
            on_interrupt=self._interrupt_by_signal,
            on_suspend=self._suspend_by_signal,
            on_continue=self._continue_by_signal,
        )
        self.vi = vi

    def _bind_keys(self, actions: Actions, layout: Layout, *, multiline: bool) -> KeyBindings:
        self._key_actions = KeyActions(
            self.line,
            actions,
            self._questions,
            multiline=multiline,
            is_searching=lambda: layout.is_searching,
            hint=self.hint,
            repaint=self.repaint,
            suspend=self._suspend_by_key,
            open_editor=self._open_editor,
        )
        return build_key_bindings(
            self._key_actions,
            is_asking=self._questions.is_asking,
            is_asking_yes_no=self._questions.is_asking_yes_no,
        )

    def _connect(self, *, unicode: bool) -> None:
        encoding = "utf-8" if unicode else "latin-1"
        self._writer = TerminalWriter(self._held.output_fd, self._on_gone)
        self._output = WriterOutput(self._writer, choose_colour_depth(os.environ), encoding)
        self._keyboard = Keyboard(
            self._held.input_fd,
            on_gone=self._on_gone,
            on_error=self._fail,
            on_reply=lambda reply: self._frames.take_answer(reply),  # noqa: PLW0108 made later
            encoding=encoding,
            bytes_before=self._held.bytes_before,
        )

    async def run(self) -> int | None:
        """Run until ``leave``, and give the terminal back whatever happens.

        Returns None, or the number of the signal that ended the session: the caller then closes
        what is open and calls ``exit_by_signal``. Raises what an action raised.
        """
        self._writer.start(asyncio.get_running_loop())
        self._signals.start()
        if self._held.bytes_before:
            # What was typed before this program could prevent it has been echoed.
            self._writer.write(_CLEAR_ROW)
        try:
            if not self._is_over:
                await self._app.run_async(handle_sigint=False, set_exception_handler=False)
        finally:
            await self._finish()
        return self._fatal

    async def painted(self) -> None:
        """Wait until the prompt is on the screen."""
        await self._frames.has_painted.wait()

    async def ask_background(self) -> None:
        """Ask the terminal for its background, behind what was typed before the prompt."""
        await self._keyboard.early_is_over()
        self._keyboard.expect_reply()
        self._frames.ask_background()

    def leave(self) -> None:
        """End ``run``; lines that were handed over are still printed."""
        self._is_over = True
        self._exit()

    @property
    def actions(self) -> Actions:
        """The program behind the keys."""
        return self._key_actions.actions

    @actions.setter
    def actions(self, actions: Actions) -> None:
        self._key_actions.actions = actions

    # Drawing.

    def print(self, lines: Sequence[str]) -> None:
        """Print finished lines above the prompt, once and in order."""
        self._frames.print(lines)

    def show_tail(self, lines: Sequence[str]) -> None:
        """Show the lines that may still change; what doesn't fit is cut off at the top."""
        if lines != self._state.tail:
            self._state.tail = lines
            self._frames.request(is_input_same=True)

    def show_queued(self, texts: Sequence[str]) -> None:
        """Show messages that wait to be sent, as dim rows."""
        self._state.queued = texts
        self._frames.request()

    def show_status(self, text: str) -> None:
        """Show one row that says what is going on; an empty text removes it."""
        if text != self._state.status:
            self._state.status = text
            self._frames.request()

    def repaint(self) -> None:
        """Draw the live region anew."""
        self._frames.repaint()

    def refresh(self) -> None:
        """Repaint, because the toolbar has changed."""
        self._frames.request()

    def hint(self, text: str) -> None:
        """Show a text in the toolbar's place for a moment."""
        self._clear_hint()
        self._state.hint = text
        self._hint_timer = asyncio.get_running_loop().call_later(_HINT_S, self._clear_hint)

    async def ready(self) -> None:
        """Wait until everything is printed and the terminal can take more."""
        await self._frames.ready()

    def set_clipboard(self, text: str) -> None:
        """Ask the terminal to take a text into its clipboard (OSC 52); not all of them do."""
        self._writer.write(clipboard_sequence(text))

    @property
    def columns(self) -> int:
        """The window's width."""
        return self._output.get_size().columns

    @property
    def tail_room(self) -> int:
        """How many rows of tail fit above the rest of the live region."""
        size = self._output.get_size()
        return self._region.tail_room(size.columns, size.rows)

    @property
    def background(self) -> Background | None:
        """Whether the window's background is dark or light; None: not known (yet)."""
        return self._frames.background

    # The input line.

    @property
    def draft(self) -> str:
        """What is typed and not sent."""
        return self.line.text

    def set_draft(self, text: str) -> bool:
        """Put text into the input line if that is empty (True), else into the history."""
        is_shown = self.line.set_draft(text)
        self._frames.request()
        return is_shown

    def replace_draft(self, text: str) -> None:
        """Put text in place of what is typed."""
        self.line.replace(text)
        self._frames.request()

    @property
    def vi(self) -> bool:
        """Whether keys are vi's."""
        return self._app.editing_mode == EditingMode.VI

    @vi.setter
    def vi(self, value: bool) -> None:
        self._app.editing_mode = EditingMode.VI if value else EditingMode.EMACS
        self._keyboard.takes_runs = not value

    @property
    def multiline(self) -> bool:
        """Whether Enter makes a new line and Alt+Enter sends."""
        return self._key_actions.multiline

    @multiline.setter
    def multiline(self, value: bool) -> None:
        self._key_actions.multiline = value

    # Questions, and other programs.

    async def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask yes or no in the live prompt; cancelled, or at the end of the session: no."""
        return await self._questions.confirm(question, default=default)

    async def ask_text(self, question: str, *, secret: bool = False) -> str | None:
        """Ask for a line of text, not shown if ``secret``; None: cancelled."""
        return await self._questions.text(question, secret=secret)

    async def edit(self, text: str) -> str:
        """Open the user's editor on a text and return what was saved. Raises ``EditorError``."""
        return await edit_text(text, self.run_child)

    async def run_child(self, child: Callable[[], Awaitable[_T]]) -> _T:
        """Give the terminal to another program until ``child`` returns.

        The event loop goes on; drawing waits, Ctrl+C is the other program's.
        """
        async with self._handed_over():
            return await child()

    def _suspend_by_key(self) -> None:
        self._spawn(self._suspend())

    def _open_editor(self) -> None:
        self._spawn(self._edit_line())

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
        async with self._away:
            await self._frames.pause()
            self._keyboard.pause()
            self._writer.write(_LEFT_ALONE)
            await self._writer.drained()
            self._is_away = True
            self._held.make_cooked()
            try:
                yield
            finally:
                self._is_away = False
                if not self._is_over:
                    self._held.make_raw()
                    self._writer.write(PASTE_ON)
                    self._keyboard.resume()
                    self._frames.resume()

    # The end.

    async def _finish(self) -> None:
        self._is_over = True
        self._resizing.stop()
        self._clear_hint()
        self._questions.close()
        self.line.keep_draft()
        await self._writer.drained()
        self._writer.drain()
        self._held.restore()
        self._writer.close()
        self._signals.stop()

    def _exit(self, error: Exception | None = None) -> None:
        if self._frames.is_waiting_for_answer:
            # What the terminal still has to say must not end up in the shell.
            self._spawn(self._exit_answered(error))
            return
        future = self._app.future
        if future is not None and not future.done():
            if error is None:
                self._app.exit()
            else:
                self._app.exit(exception=error)

    async def _exit_answered(self, error: Exception | None) -> None:
        await self._frames.until_answered()
        self._frames.expect_no_answers()
        self._exit(error)

    def _fail(self, error: Exception) -> None:
        self._is_over = True
        self._exit(error)

    def _on_gone(self) -> None:
        self._end_by_signal(_SIGHUP)

    def _end_by_signal(self, number: int) -> None:
        if self._fatal is None:
            self._fatal = number
            self.leave()

    def _interrupt_by_signal(self) -> None:
        context = self._app.context
        if not self._is_away and not self._is_over and context is not None:
            try:
                context.copy().run(self._app.key_processor.send_sigint)
            except Exception as error:  # noqa: BLE001 the event loop would only print it
                self._fail(error)

    def _suspend_by_signal(self) -> None:
        if self._is_away:
            self._signals.stop_process(whole_group=False)
        else:
            self._suspend_by_key()

    def _continue_by_signal(self) -> None:
        if not self._is_away and not self._is_over:
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
