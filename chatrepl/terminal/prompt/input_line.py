"""Input line: an editable text with history, completion, and large pastes."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition

from chatrepl.core.text.surrogates import valid_text
from chatrepl.terminal.prompt.history import BigPastes, InputHistory
from chatrepl.terminal.screen.prompt_toolkit_internals import prepend_history

if TYPE_CHECKING:
    from chatrepl.terminal.prompt.actions import CompletionItem


class _Completer(Completer):
    def __init__(self, complete: "Callable[[str], Iterable[CompletionItem]]") -> None:
        self._complete = complete

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        del complete_event
        for item in self._complete(document.text_before_cursor):
            yield Completion(item.text, start_position=item.start, display_meta=item.description)


class _LineBuffer(Buffer):
    """Buffer that loads its history at once when it is reset.

    prompt_toolkit's own does that in a task: an Up typed right after Enter would find nothing.
    """

    def reset(self, document: Document | None = None, append_to_history: bool = False) -> None:
        super().reset(document, append_to_history)
        history = self.history
        if not isinstance(history, InputHistory) or not history.is_loaded:
            return
        if entries := history.newest_first():
            prepend_history(self, entries)


class InputLine:
    """Text of one or more lines that is being typed, with a history across runs.

    ``complete`` returns completions for the text before the cursor.
    """

    def __init__(
        self, complete: "Callable[[str], Iterable[CompletionItem]]", history_file: Path | None
    ) -> None:
        self.pastes = BigPastes()
        self.history = InputHistory(history_file, self.pastes)
        self._completer = _Completer(complete)
        self.buffer = _LineBuffer(
            name="input",
            history=self.history,
            completer=self._completer,
            complete_while_typing=Condition(self._is_command_begun),
            multiline=True,
        )

    @property
    def text(self) -> str:
        """The text with large pastes in full."""
        return self.pastes.expand(self.buffer.text)

    def take(self) -> str | None:
        """Move the line into the history and return its text; None if it is blank.

        Bytes that were no valid text come out as replacement characters.
        """
        text = self.text
        if not text.strip():
            self.buffer.reset()
            return None
        self.buffer.append_to_history()
        self.buffer.reset()
        return valid_text(text)

    def completions(self) -> list[Completion]:
        """Return the completions at the cursor."""
        event = CompleteEvent(completion_requested=True)
        return list(self._completer.get_completions(self.buffer.document, event))

    def open_menu(self) -> None:
        """Show the completions at the cursor, with none selected."""
        self.buffer.start_completion()

    def paste(self, text: str) -> None:
        """Insert pasted text; line ends become newlines.

        Several lines that would run as a command get a blank before them, so that they are sent as
        a message.
        """
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        is_first = not self.buffer.document.text_before_cursor
        if is_first and plain.startswith(("/", "!", "@")) and "\n" in plain.rstrip("\n"):
            self.buffer.insert_text(" ")
        self.buffer.insert_text(self.pastes.shorten(plain))

    def set_draft(self, text: str) -> bool:
        """Put text into the line if that is empty (True), else into the history."""
        if self.buffer.text:
            self.history.append_string(text)
            return False
        self.replace(text)
        return True

    def replace(self, text: str) -> None:
        """Replace the line's text; this can be undone."""
        self.buffer.save_to_undo_stack()
        shown = self.pastes.shorten(text)
        self.buffer.document = Document(shown, len(shown))

    def continue_line(self) -> bool:
        """Turn a backslash at the line's end into a new line; False: there is none."""
        document = self.buffer.document
        before = document.text_before_cursor
        backslashes = len(before) - len(before.rstrip("\\"))
        if document.text_after_cursor or backslashes % 2 == 0:
            return False
        self.buffer.delete_before_cursor()
        self.buffer.insert_text("\n")
        return True

    def keep_draft(self) -> None:
        """Put unsent text into the history, for the next run."""
        if self.buffer.text.strip():
            self.history.append_string(self.buffer.text)

    def _is_command_begun(self) -> bool:
        before = self.buffer.document.text_before_cursor
        return before.startswith("/") and "\n" not in before
