"""Actions of the keys that do more than edit the line."""

import asyncio
from collections.abc import Callable

from chatrepl.terminal.prompt.actions import Actions
from chatrepl.terminal.prompt.input_line import InputLine
from chatrepl.terminal.prompt.questions import Questions
from chatrepl.terminal.screen.prompt_toolkit_internals import stop_search

_DOUBLE_INTERRUPT_S = 2.0
_DOUBLE_ESCAPE_S = 0.8


class KeyActions:
    """Key actions, which depend on the state: a question, a search, an answer, a draft, or none.

    ``multiline``: Enter makes a new line, and Alt+Enter sends.
    """

    def __init__(
        self,
        line: InputLine,
        actions: Actions,
        questions: Questions,
        *,
        is_searching: Callable[[], bool],
        hint: Callable[[str], None],
        repaint: Callable[[], None],
        suspend: Callable[[], None],
        open_editor: Callable[[], None],
    ) -> None:
        self.line, self.multiline = line, False
        self.actions, self._questions = actions, questions
        self._is_searching, self._hint = is_searching, hint
        self.repaint, self.suspend, self.open_editor = repaint, suspend, open_editor
        self._interrupted_s = self._escaped_s = float("-inf")

    def submit(self) -> None:
        """Send the line; a blank one opens what the last search found."""
        text = self.line.take()
        if text is None:
            self.actions.open_found()
            return
        if error := self.line.history.disk_error:
            self.line.history.disk_error = None
            self._hint(f"input history is not saved: {error.strerror}")
        self.actions.submit(text)

    def interrupt(self) -> None:
        """Handle Ctrl+C: cancel a question or search, stop an answer, clear the line, or leave."""
        now_s = asyncio.get_running_loop().time()
        if self._questions.cancel():
            return
        if self._is_searching():
            stop_search()
        elif self.actions.stop():
            return
        elif self.line.buffer.text:
            self.line.keep_draft()
            self.line.buffer.reset()
        elif now_s - self._interrupted_s < _DOUBLE_INTERRUPT_S:
            self.actions.leave()
        else:
            self._interrupted_s = now_s
            self._hint("Ctrl+C again to leave")

    def escape(self) -> None:
        """Handle Escape: stop the answer, close the menu, or, twice, edit the last message."""
        now_s = asyncio.get_running_loop().time()
        previous_s, self._escaped_s = self._escaped_s, now_s
        if self.actions.is_busy():
            self.actions.stop()
        elif self.line.buffer.complete_state is not None:
            self.line.buffer.cancel_completion()
        elif not self.line.buffer.text and now_s - previous_s < _DOUBLE_ESCAPE_S:
            self._escaped_s = float("-inf")
            self.actions.edit_last()

    def take_waiting(self) -> bool:
        """Take the newest queued line back into the empty input line; False: there is none."""
        text = self.actions.take_waiting()
        if text is None:
            return False
        self.line.replace(text)
        return True

    def leave(self) -> None:
        """End the session (Ctrl+D)."""
        self.actions.leave()
