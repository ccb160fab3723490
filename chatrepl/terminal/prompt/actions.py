"""Ports of the live prompt: the program that its keys act on, and completion items."""

from collections.abc import Sequence
from typing import Protocol


class CompletionItem(Protocol):
    """Item of the completion menu."""

    @property
    def text(self) -> str:
        """Replacement for the word before the cursor."""

    @property
    def start(self) -> int:
        """The word's begin, as a negative offset from the cursor."""

    @property
    def description(self) -> str:
        """Explanation shown beside the text; may be empty."""


class Actions(Protocol):
    """Program behind the prompt. All methods are called on the event loop and return at once."""

    def submit(self, text: str) -> None:
        """Run a line or send a message; it is never blank, and without lone surrogates."""

    def stop(self) -> bool:
        """Stop a running answer; False: none was running."""

    def is_busy(self) -> bool:
        """Return whether an answer is running."""

    def complete(self, before: str) -> Sequence[CompletionItem]:
        """Return completions for the text before the cursor."""

    def toolbar(self) -> str:
        """Return the line below the input, without control characters; called at every frame."""

    def resized(self) -> None:
        """Draw what may still change at the window's new size."""

    def edit_last(self) -> None:
        """Take the last message back to edit it (Escape twice on an empty line, when idle)."""

    def take_waiting(self) -> str | None:
        """Remove and return the newest queued line (Up on an empty line); None: there is none."""

    def open_found(self) -> None:
        """Open the best result of the search that the last line was (Enter on an empty line)."""

    def leave(self) -> None:
        """End the session: call ``LivePrompt.leave`` when everything is saved."""
