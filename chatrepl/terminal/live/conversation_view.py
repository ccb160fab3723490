"""The conversation on screen: lines go in, events come out and are drawn above the live prompt.

One worker deals with messages and commands in order; what runs at once runs beside it. Finished
lines are written once; the open tail of an answer is repainted at a bounded rate, and only when the
terminal can take it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
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

__all__ = ["ConversationView"]

_COMMAND_QUIET_S = 1.0
_SAVE_AGAIN_S = 2.0
# An Up that comes with Enter in one go means the history, not a line that nobody saw wait.
_SEEN_AFTER_S = 0.2
_LISTED_ANEW_S = 1.0


class ConversationView:
    """Implements the live prompt's actions, and draws what the session tells.

    ``load_drawing`` imports and builds the drawing, which is dear; it runs after the first paint,
    in a thread.
    """

    def __init__(
        self, session: Session, load_drawing: Callable[[], "EventRenderer"], *, unicode: bool = True
    ) -> None:
        self._session = session
        self._load_drawing = load_drawing
        self._toolbar = Toolbar(session, unicode=unicode)
        self._queue = LineQueue(self._show_queued)
        self._arrived = asyncio.Event()
        self._is_working = False
        self._is_leaving = False
        self._command: asyncio.Task[None] | None = None
        """What is being dealt with and may be given up: a command, never a message."""
        self._is_command_running = False
        """A command's output is still to come: others wait, so that each has its own below it."""
        self._beside = BackgroundTasks()
        self._listed_s = 0.0
        self._has_just_found = False

    def attach(self, prompt: "LivePrompt") -> None:
        """Take the prompt to draw above."""
        self._prompt = prompt
        self._showing = EventDisplay(prompt, lambda: self._session.settings, self._toolbar.keep)

    def _show_queued(self, lines: Sequence[str]) -> None:
        self._prompt.show_queued(lines)

    # What the prompt calls.

    def submit(self, text: str) -> None:
        """Deal with a line: at once where that is possible, else in its turn."""
        can_show = self._showing.is_ready and (not self._is_command_running or is_exit(text))
        if self._is_working and not (can_show and runs_at_once(text)):
            self._queue.add(text)
        elif self._is_working:
            self._beside.run_command(text, self._deal_beside(text))
        else:
            self._queue.add(text, is_next=True)
            self._is_working = True
        self._arrived.set()

    def stop(self) -> bool:
        """Stop the answer, else the last command beside it, else what is done; False: nothing."""
        if self._session.stop():
            return True
        if line := self._beside.give_up():
            self._show(Notice(f"{line}: given up"))
            return True
        return self._stop_command()

    def _stop_command(self) -> bool:
        command = self._command
        if command is None or command.done() or self._session.is_answering:
            return False
        return command.cancel()

    def is_busy(self) -> bool:
        """Say whether a line is being dealt with."""
        return self._is_working or self._beside.has_command

    def complete(self, before: str) -> Sequence[Suggestion]:
        """Offer what Tab may insert; sessions as they are now, other terminals' too."""
        is_old = asyncio.get_running_loop().time() - self._listed_s > _LISTED_ANEW_S
        if is_old and before.startswith("/"):
            self._beside.run(self._list_sessions())
        return complete(self._session, before)

    def toolbar(self) -> str:
        """Return the line below the prompt."""
        return self._toolbar.text(self._prompt.columns)

    def resized(self) -> None:
        """Draw the answer's open tail at the window's new size."""
        self._showing.painter.resized()

    def edit_last(self) -> None:
        """Take the last message back into the input line."""
        if not self._is_working and self._session.conversation.last_question() is not None:
            self.submit("/edit")

    def take_waiting(self) -> str | None:
        """Take back the newest line that waits; None: there is none."""
        return self._queue.take_last(asyncio.get_running_loop().time() - _SEEN_AFTER_S)

    def open_found(self) -> None:
        """Open the first hit, if the last line was a search."""
        if self._has_just_found and not self._is_working:
            self.submit("/load 1")

    def leave(self) -> None:
        """End the conversation; a running answer is stopped and kept."""
        self._is_leaving = True
        # What runs beside it ends with the program; /exit may be part of that.
        if not self._session.stop():
            self._stop_command()
        self._arrived.set()

    # What runs beside the prompt.

    async def run(self, begin: AsyncIterator[Event]) -> None:
        """Draw what begins the session, then deal with lines until someone leaves."""
        self._is_working = True
        self._follow_settings()
        await self._prompt.ready()
        self._showing.begin(await asyncio.to_thread(self._load_drawing))
        painting = asyncio.create_task(self._showing.painter.run())
        try:
            self._beside.run(self._warm_up())
            self._beside.run(self._look_after_disk())
            await self._stoppable(self._deal(begin))
            while not self._is_leaving:
                await self._next_line()
        finally:
            await self._end(painting)

    async def _next_line(self) -> None:
        while self._queue and not self._is_leaving:
            self._is_working = True
            line = self._queue.pop()
            if is_message(line):
                await self._deal_with(line)
            else:
                self._is_command_running = True
                self._showing.status.wait_for(line.split()[0], after_s=_COMMAND_QUIET_S)
                await self._stoppable(self._deal_with(line))
            self._beside.run(self._refresh())
            self._beside.run(self._list_sessions())
        self._is_working = False
        self._arrived.clear()
        if not self._is_leaving and not self._queue:
            await self._arrived.wait()

    async def _stoppable(self, work: Coroutine[None, None, None]) -> None:
        """Wait for a command, which may ask a server or a person, unless someone gives it up."""
        self._command = asyncio.create_task(work)
        await asyncio.wait({self._command})
        self._is_command_running = False
        if self._command.cancelled():
            if self._is_leaving:
                return
            self._show(Notice("given up"))
        else:
            self._command.result()

    async def _end(self, painting: "asyncio.Task[None]") -> None:
        await self._beside.end()
        self._showing.painter.flush()
        painting.cancel()
        await asyncio.gather(painting, return_exceptions=True)
        self._prompt.leave()

    async def _warm_up(self) -> None:
        """Pay for the SDK, the vocabulary and the lists while the person reads or types."""
        try:
            async for event in self._session.warm_up():
                self._show(event)
            await self._refresh()
        except ChatreplError:
            # Whatever is wrong is told when it is needed.
            return

    async def _look_after_disk(self) -> None:
        """Tell what ails the disk, and write what it didn't take as soon as it does."""
        session = self._session
        await self._list_sessions()
        while True:
            for notice in session.take_notices():
                self._show(notice)
            await asyncio.sleep(_SAVE_AGAIN_S)
            if not session.autosave.is_saved:
                await session.autosave.flush()

    def _tell_disk(self, error: StoreError) -> None:
        """Say what ails the disk in the line that stays; once, however many find it out."""
        self._session.autosave.fail(error)
        for notice in self._session.take_notices():
            self._show(notice)

    async def _list_sessions(self) -> None:
        """Have the sessions' names at hand for completion."""
        self._listed_s = asyncio.get_running_loop().time()
        try:
            await self._session.list_known()
        except StoreError as error:
            # Told while there is nothing to lose yet.
            self._tell_disk(error)

    async def _refresh(self) -> None:
        await self._toolbar.refresh()
        self._prompt.refresh()

    async def _deal_with(self, line: str) -> None:
        """Deal with a line. A message is shown when it is accepted, a command as it is run."""
        if not is_message(line):
            self._showing.show_command(line)
        listed = self._session.listed
        await self._deal(handle_line(self._session, line))
        self._end_line(listed)

    def _end_line(self, listed: object) -> None:
        """Take what a line has changed; ``listed`` is what was on the numbered list before it."""
        self._showing.painter.gap()
        found = self._session.listed
        self._has_just_found = found is not listed and isinstance(next(iter(found), ""), SearchHit)
        self._follow_settings()

    def _follow_settings(self) -> None:
        settings = self._session.settings
        self._prompt.vi, self._prompt.multiline = settings.is_on("vi"), settings.is_on("multiline")

    async def _deal_beside(self, line: str) -> None:
        """Run a command while something else goes on: all it tells is shown at once, below it."""
        slow = asyncio.get_running_loop().call_later(
            _COMMAND_QUIET_S, self._prompt.hint, f"{line} …"
        )
        listed = self._session.listed
        try:
            events = [event async for event in handle_line(self._session, line)]
        finally:
            slow.cancel()
        self._showing.show_command(line)
        for event in events:
            self._show(event)
        self._end_line(listed)

    def _release_queue(self) -> None:
        """Something long begins: what can run beside it need not wait any more."""
        self._is_command_running = False
        for line in self._queue.take(runs_at_once):
            self._beside.run_command(line, self._deal_beside(line))

    async def _deal(self, events: AsyncIterator[Event]) -> None:
        turn = AnswerSequencer(self._showing.answers.begin_beside)
        try:
            async for event in events:
                if self._is_command_running and isinstance(event, AnswerStarted | Progress):
                    self._release_queue()
                for shown in turn.put(event):
                    if isinstance(shown, ConversationShown):
                        await self._showing.show_conversation(shown)
                    else:
                        self._show(shown)
                self._showing.status.set_coming(turn.coming)
        except StoreError as error:
            self._tell_disk(error)
        except ChatreplError as error:
            self._show(Notice.of(error))
        except Exception as error:  # noqa: BLE001 - an error of ours must not end the conversation
            self._show(Notice.of(unexpected(error)))
        finally:
            self._showing.status.set_coming(())
            self._showing.status.stop_waiting()

    # What is asked of the prompt itself; the rest is drawn.

    def _show(self, event: Event) -> None:
        match event:
            case DraftReturned(text=text, offers=offers):
                if self._prompt.set_draft(text) and offers:
                    self._prompt.line.open_menu()
            case EditorRequested(text=text):
                self._beside.run(self._edit(text))
            case TextCopied(text=text):
                self._prompt.set_clipboard(text)
            case SessionChanged():
                self._beside.run(self._refresh())
            case ExitRequested():
                self.leave()
            case _:
                self._showing.show(event)

    async def _edit(self, text: str) -> None:
        """Open the user's editor; what is saved there comes to the input line."""
        try:
            self._prompt.replace_draft(await self._prompt.edit(text))
        except EditorError as error:
            self._show(Notice(str(error), Level.ERROR))
