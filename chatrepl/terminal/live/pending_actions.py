"""What the prompt's keys set off until the rest of the program is there, and then through it.

The prompt is up before the program behind it is imported: what is sent meanwhile waits.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatrepl.core.commands.completion import Suggestion
    from chatrepl.terminal.live.conversation_view import ConversationView
    from chatrepl.terminal.prompt.prompt import LivePrompt

__all__ = ["PendingActions"]


class PendingActions:
    """Implements the live prompt's actions; hands all to a ``ConversationView`` once it is open."""

    def __init__(self) -> None:
        self._front: ConversationView | None = None
        self._waiting: list[str] = []

    def attach(self, prompt: "LivePrompt") -> None:
        """Take the prompt, to show what waits."""
        self._prompt = prompt

    def open(self, front: "ConversationView") -> None:
        """Hand over what waited, and all that comes."""
        self._front = front
        self._prompt.show_queued(())
        for text in self._waiting:
            front.submit(text)
        self._waiting.clear()

    @property
    def is_open(self) -> bool:
        """Whether the program behind the prompt is there."""
        return self._front is not None

    def submit(self, text: str) -> None:
        """Take a line."""
        if self._front is not None:
            self._front.submit(text)
            return
        self._waiting.append(text)
        self._prompt.show_queued([" ".join(line.split()) for line in self._waiting])

    def stop(self) -> bool:
        """Stop a running answer; False: none was running."""
        return self._front is not None and self._front.stop()

    def is_busy(self) -> bool:
        """Say whether a line is being dealt with."""
        return self._front is not None and self._front.is_busy()

    def complete(self, before: str) -> Sequence["Suggestion"]:
        """Offer completions for the text before the cursor."""
        return self._front.complete(before) if self._front is not None else ()

    def toolbar(self) -> str:
        """Return the line below the input; a blank one keeps its place."""
        return self._front.toolbar() if self._front is not None else " "

    def resized(self) -> None:
        """Draw what may still change at the window's new size."""
        if self._front is not None:
            self._front.resized()

    def edit_last(self) -> None:
        """Edit the last message."""
        if self._front is not None:
            self._front.edit_last()

    def take_waiting(self) -> str | None:
        """Take back the newest line that waits for an answer's end; None: there is none."""
        return self._front.take_waiting() if self._front is not None else None

    def open_found(self) -> None:
        """Open what a search found."""
        if self._front is not None:
            self._front.open_found()

    def leave(self) -> None:
        """End the session; at once where it has not begun."""
        if self._front is not None:
            self._front.leave()
        else:
            self._prompt.leave()
