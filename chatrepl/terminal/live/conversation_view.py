"""The conversation on screen: run the prompt's lines, display their events above the prompt.

One worker runs messages and commands in order; commands that may run at once run in the background.
Finished lines are written once; the open tail of an answer is repainted at a bounded rate, and only
when the terminal can take it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING

from chatrepl.core.commands.completion import Suggestion, complete
from chatrepl.core.commands.dispatch import handle_line, is_exit, is_message, runs_at_once
from chatrepl.core.errors import ChatreplError, StoreError, unexpected
from chatrepl.core.events import (
    AnswerStarted,
    ConversationShown,
    DraftReturned,
    EditorRequested,
    Event,
    ExitRequested,
    Level,
    Notice,
    Progress,
    PromptEvent,
    SessionChanged,
    TextCopied,
)
from chatrepl.core.messages import SearchHit
from chatrepl.core.session import Session
from chatrepl.core.turn.sequencer import AnswerSequencer
from chatrepl.terminal.live.background_tasks import BackgroundTasks, LineQueue
from chatrepl.terminal.live.event_display import EventDisplay
from chatrepl.terminal.live.toolbar import Toolbar
from chatrepl.terminal.prompt.editor import EditorError

if TYPE_CHECKING:
    from chatrepl.terminal.draw.event_renderer import EventRenderer
    from chatrepl.terminal.prompt.prompt import LivePrompt


_COMMAND_QUIET_S = 1.0
_SAVE_RETRY_S = 2.0
# An Up that comes with Enter in one go means the history, not a queued line that nobody saw.
_SEEN_AFTER_S = 0.2
_LIST_MAXIMUM_AGE_S = 1.0


class _Activity(Enum):
    """The state of the worker that runs lines in order."""

    IDLE = auto()
    BUSY = auto()
    """A line is run; commands that may run at once run in the background meanwhile."""
    EXCLUSIVE = auto()
    """A command is run whose output is still to come: others wait, so that outputs do not mix."""
    LEAVING = auto()


class ConversationView:
    """The live prompt's actions over a session, and the display of the session's events.

    ``load_drawing`` imports and builds the renderer, which is expensive; it runs after the first
    paint, in a thread.
    """

    def __init__(
        self,
        session: Session,
        prompt: "LivePrompt",
        load_drawing: Callable[[], "EventRenderer"],
        *,
        unicode: bool = True,
    ) -> None:
        self._session = session
        self._prompt = prompt
        self._load_drawing = load_drawing
        self._toolbar = Toolbar(session, unicode=unicode)
        self._display = EventDisplay(
            prompt,
            lambda: session.settings,
            keep_notice=self._toolbar.keep,
            on_prompt_event=self._run_prompt_event,
        )
        self._queue = LineQueue(prompt.show_queued)
        self._arrived = asyncio.Event()
        self._activity = _Activity.IDLE
        self._command: asyncio.Task[None] | None = None
        """The command that the worker runs, or ran last; it may be cancelled, unlike a message."""
        self._background = BackgroundTasks()
        self._listed_s = 0.0
        self._has_search_hits = False
        """The last line was a search that found something."""

    # The prompt's actions.

    def submit(self, text: str) -> None:
        """Run a line: at once where that is possible, else queue it."""
        if self._activity is _Activity.IDLE:
            self._queue.add(text, is_next=True)
            self._activity = _Activity.BUSY
        elif self._can_run_now(text):
            self._background.run_command(text, self._run_in_background(text))
        else:
            self._queue.add(text)
        self._arrived.set()

    def _can_run_now(self, text: str) -> bool:
        may_show = self._activity is not _Activity.EXCLUSIVE or is_exit(text)
        return self._display.is_ready and may_show and runs_at_once(text)

    def stop(self) -> bool:
        """Stop the answer, else the newest background command, else the command; False: nothing."""
        if self._session.stop():
            return True
        if line := self._background.cancel_newest():
            self._display.show(Notice(f"{line}: given up"))
            return True
        return self._stop_command()

    def _stop_command(self) -> bool:
        command = self._command
        if command is None or command.done() or self._session.is_answering:
            return False
        return command.cancel()

    def is_busy(self) -> bool:
        """Return whether a line is being run."""
        return self._activity is not _Activity.IDLE or self._background.has_command

    def complete(self, before: str) -> Sequence[Suggestion]:
        """Return completions, and refresh the list of sessions, other terminals' included."""
        is_old = asyncio.get_running_loop().time() - self._listed_s > _LIST_MAXIMUM_AGE_S
        if is_old and before.startswith("/"):
            self._background.run(self._list_sessions())
        return complete(self._session, before)

    def toolbar(self) -> str:
        """Return the line below the prompt."""
        return self._toolbar.text(self._prompt.columns)

    def resized(self) -> None:
        """Draw the answer's open tail for the window's new width."""
        self._display.painter.resized()

    def edit_last(self) -> None:
        """Take the last message back into the input line."""
        is_idle = self._activity is _Activity.IDLE
        if is_idle and self._session.conversation.last_question() is not None:
            self.submit("/edit")

    def take_waiting(self) -> str | None:
        """Take back the newest queued line; None: there is none."""
        return self._queue.take_last(asyncio.get_running_loop().time() - _SEEN_AFTER_S)

    def open_found(self) -> None:
        """Open the first hit, if the last line was a search."""
        if self._has_search_hits and self._activity is _Activity.IDLE:
            self.submit("/load 1")

    def leave(self) -> None:
        """End the conversation; a running answer is stopped and kept."""
        self._activity = _Activity.LEAVING
        # Background tasks end with the worker; /exit may be one of them.
        if not self._session.stop():
            self._stop_command()
        self._arrived.set()

    # The worker.

    async def run(self, opening: AsyncIterator[Event]) -> None:
        """Display the events that open the session, then run lines until the person leaves."""
        self._activity = _Activity.BUSY
        self._apply_settings()
        await self._prompt.ready()
        self._display.start(await asyncio.to_thread(self._load_drawing))
        painting = asyncio.create_task(self._display.painter.run())
        try:
            self._background.run(self._warm_up())
            self._background.run(self._watch_disk())
            await self._cancellable(self._show_events(opening))
            while self._activity is not _Activity.LEAVING:
                await self._run_queue()
        finally:
            await self._end(painting)

    async def _run_queue(self) -> None:
        """Run all queued lines, then wait for one more."""
        while self._queue and self._activity is not _Activity.LEAVING:
            line = self._queue.pop()
            if is_message(line):
                self._activity = _Activity.BUSY
                await self._run_line(line)
            else:
                self._activity = _Activity.EXCLUSIVE
                self._display.status.wait_for(line.split()[0], after_s=_COMMAND_QUIET_S)
                await self._cancellable(self._run_line(line))
            self._background.run(self._refresh())
            self._background.run(self._list_sessions())
        if self._activity is not _Activity.LEAVING:
            self._activity = _Activity.IDLE
            self._arrived.clear()
            await self._arrived.wait()

    async def _cancellable(self, work: Coroutine[None, None, None]) -> None:
        """Wait for a command, which ``stop`` may cancel: a server or a person may be slow."""
        self._command = asyncio.create_task(work)
        await asyncio.wait({self._command})
        self._end_exclusive()
        if not self._command.cancelled():
            self._command.result()
        elif self._activity is not _Activity.LEAVING:
            self._display.show(Notice("given up"))

    def _end_exclusive(self) -> None:
        if self._activity is _Activity.EXCLUSIVE:
            self._activity = _Activity.BUSY

    async def _end(self, painting: "asyncio.Task[None]") -> None:
        await self._background.end()
        self._display.painter.end()
        painting.cancel()
        await asyncio.gather(painting, return_exceptions=True)
        self._prompt.leave()

    async def _run_line(self, line: str) -> None:
        """Run a line. A message is shown when it is accepted, a command as it begins."""
        if not is_message(line):
            self._display.show_command(line)
        listed = self._session.listed
        await self._show_events(handle_line(self._session, line))
        self._end_line(listed)

    async def _run_in_background(self, line: str) -> None:
        """Run a command while another line runs; its output is displayed when it has ended."""
        slow = asyncio.get_running_loop().call_later(
            _COMMAND_QUIET_S, self._prompt.hint, f"{line} …"
        )
        listed = self._session.listed
        try:
            events = [event async for event in handle_line(self._session, line)]
        finally:
            slow.cancel()
        self._display.show_command(line)
        for event in events:
            self._display.show(event)
        self._end_line(listed)

    def _end_line(self, listed: object) -> None:
        """Apply what a line changed; ``listed`` is the session's numbered list from before it."""
        self._display.painter.gap()
        found = self._session.listed
        is_search = found is not listed and isinstance(next(iter(found), ""), SearchHit)
        self._has_search_hits = is_search
        self._apply_settings()

    def _apply_settings(self) -> None:
        settings = self._session.settings
        self._prompt.vi, self._prompt.multiline = settings.is_on("vi"), settings.is_on("multiline")

    def _release_queue(self) -> None:
        """Run what waited for a command's output, now that the command turns out to be long."""
        self._end_exclusive()
        for line in self._queue.take(runs_at_once):
            self._background.run_command(line, self._run_in_background(line))

    async def _show_events(self, events: AsyncIterator[Event]) -> None:
        sequencer = AnswerSequencer(self._display.begin_columns)
        try:
            async for event in events:
                is_exclusive = self._activity is _Activity.EXCLUSIVE
                if is_exclusive and isinstance(event, AnswerStarted | Progress):
                    self._release_queue()
                for shown in sequencer.put(event):
                    if isinstance(shown, ConversationShown):
                        await self._display.show_conversation(shown)
                    else:
                        self._display.show(shown)
                self._display.status.set_held(sequencer.coming)
        except StoreError as error:
            self._report_disk(error)
        except ChatreplError as error:
            self._display.show(Notice.of(error))
        except Exception as error:  # noqa: BLE001 - an error of ours must not end the conversation
            self._display.show(Notice.of(unexpected(error)))
        finally:
            self._display.status.set_held(())
            self._display.status.stop_waiting()

    def _run_prompt_event(self, event: PromptEvent) -> None:
        match event:
            case DraftReturned(text=text, offers=offers):
                if self._prompt.set_draft(text) and offers:
                    self._prompt.line.open_menu()
            case EditorRequested(text=text):
                self._background.run(self._edit(text))
            case TextCopied(text=text):
                self._prompt.set_clipboard(text)
            case SessionChanged():
                self._background.run(self._refresh())
            case ExitRequested():
                self.leave()

    # Background tasks.

    async def _edit(self, text: str) -> None:
        """Open the user's editor on a text, and put what is saved into the input line."""
        try:
            self._prompt.replace_draft(await self._prompt.edit(text))
        except EditorError as error:
            self._display.show(Notice(str(error), Level.ERROR))

    async def _warm_up(self) -> None:
        """Load the SDK, the vocabulary and the lists while the person reads or types."""
        try:
            async for event in self._session.warm_up():
                self._display.show(event)
            await self._refresh()
        except ChatreplError:
            # The command or the request that needs it reports the error.
            return

    async def _watch_disk(self) -> None:
        """Show notices about the disk, and retry to save what it did not take."""
        session = self._session
        await self._list_sessions()
        while True:
            self._show_pending_notices()
            await asyncio.sleep(_SAVE_RETRY_S)
            if not session.autosave.is_saved:
                await session.autosave.flush()

    def _report_disk(self, error: StoreError) -> None:
        """Show a disk error in the toolbar; once, however many tasks run into it."""
        self._session.autosave.fail(error)
        self._show_pending_notices()

    def _show_pending_notices(self) -> None:
        for notice in self._session.take_notices():
            self._display.show(notice)

    async def _list_sessions(self) -> None:
        """Refresh the sessions' names for completion."""
        self._listed_s = asyncio.get_running_loop().time()
        try:
            await self._session.list_known()
        except StoreError as error:
            # Reported while there is nothing to lose yet.
            self._report_disk(error)

    async def _refresh(self) -> None:
        await self._toolbar.refresh()
        self._prompt.refresh()
