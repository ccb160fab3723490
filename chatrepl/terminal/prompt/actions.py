"""What the live prompt asks of the program behind it."""

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Actions", "CompletionItem"]


class CompletionItem(Protocol):
    """One item of the completion menu."""

    @property
    def text(self) -> str:
        """What takes the place of the word before the cursor."""
        ...

    @property
    def start(self) -> int:
        """Where that word begins, as a negative offset from the cursor."""
        ...

    @property
    def description(self) -> str:
        """Shown beside the text; may be empty."""
        ...


class Actions(Protocol):
    """What keys set off. All are called on the event loop and return at once."""

    def submit(self, text: str) -> None:
        """Take a line or message that the user sent; never blank, without lone surrogates."""
        ...

    def stop(self) -> bool:
        """Stop a running answer; False: none was running."""
        ...

    def is_busy(self) -> bool:
        """Say whether an answer is running."""
        ...

    def complete(self, before: str) -> Sequence[CompletionItem]:
        """Offer completions for the text before the cursor."""
        ...

    def toolbar(self) -> str:
        """Return the line below the input, already cleaned; called at every repaint."""
        ...

    def resized(self) -> None:
        """Draw what may still change at the window's new size."""
        ...

    def edit_last(self) -> None:
        """Edit the last message (Escape twice on an empty line while nothing runs)."""
        ...

    def take_waiting(self) -> str | None:
        """Give up and return the newest line that waits to be sent (Up on an empty line)."""
        ...

    def open_found(self) -> None:
        """Open the best that the last line, a search, found (Enter on an empty line)."""
        ...

    def leave(self) -> None:
        """End the session; answered by ``LivePrompt.leave`` when everything is saved."""
        ...
