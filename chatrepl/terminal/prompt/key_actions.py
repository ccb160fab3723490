"""What the keys do that mean more than editing the line."""

import asyncio
from collections.abc import Callable

from prompt_toolkit import search

from chatrepl.terminal.prompt.actions import Actions
from chatrepl.terminal.prompt.input_line import InputLine
from chatrepl.terminal.prompt.questions import Questions

__all__ = ["KeyActions"]

_AGAIN_S = 2.0
_DOUBLE_ESCAPE_S = 0.8


class KeyActions:
    """Decides by what is going on: a question, a search, an answer, a text, or nothing."""

    def __init__(
        self,
        line: InputLine,
        actions: Actions,
        questions: Questions,
        *,
        multiline: bool,
        is_searching: Callable[[], bool],
        hint: Callable[[str], None],
        repaint: Callable[[], None],
        suspend: Callable[[], None],
        open_editor: Callable[[], None],
    ) -> None:
        self.line, self.multiline = line, multiline
        self.actions, self._questions = actions, questions
        self._is_searching, self._hint = is_searching, hint
        self.repaint, self.suspend, self.open_editor = repaint, suspend, open_editor
        self._interrupted_s = self._escaped_s = float("-inf")

    def submit(self) -> None:
        """Send the line."""
        text = self.line.take()
        if text is None:
            self.actions.open_found()
            return
        if trouble := self.line.history.trouble:
            self.line.history.trouble = None
            self._hint(f"input history is not saved: {trouble.strerror}")
        self.actions.submit(text)

    def interrupt(self) -> None:
        """Cancel, stop, clear, hint, or leave, whichever comes first (Ctrl+C)."""
        now_s = asyncio.get_running_loop().time()
        if self._questions.cancel():
            return
        if self._is_searching():
            search.stop_search()
        elif self.actions.stop():
            return
        elif self.line.buffer.text:
            self.line.keep_draft()
            self.line.buffer.reset()
        elif now_s - self._interrupted_s < _AGAIN_S:
            self.actions.leave()
        else:
            self._interrupted_s = now_s
            self._hint("Ctrl+C again to leave")

    def escape(self) -> None:
        """Stop the answer, close the menu, or, the second time, edit the last message."""
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
        """Take the newest line that waits into the empty line; False: none waits."""
        text = self.actions.take_waiting()
        if text is None:
            return False
        self.line.replace(text)
        return True

    def leave_by_key(self) -> None:
        """End the session (Ctrl+D)."""
        self.actions.leave()

    def answer(self, key: str) -> None:
        """Take a key for a yes-or-no question."""
        self._questions.take_key(key)

    def submit_answer(self) -> None:
        """Take the answer's line."""
        self._questions.take_line()
