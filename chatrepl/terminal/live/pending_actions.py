"""Buffer key actions until the program has loaded, then forward them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatrepl.terminal.prompt.actions import Actions, CompletionItem
    from chatrepl.terminal.prompt.prompt import LivePrompt


class PendingActions:
    """The live prompt's first actions: lines are queued, and nothing runs."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def attach(self, prompt: "LivePrompt") -> None:
        """Set the prompt, which shows the queued lines."""
        self._prompt = prompt

    def forward_to(self, actions: "Actions") -> None:
        """Give the prompt its lasting actions, and them the lines sent so far, in order."""
        self._prompt.actions = actions
        self._prompt.show_queued(())
        for line in self._lines:
            actions.submit(line)

    def submit(self, text: str) -> None:
        """Queue a line, and show it above the prompt."""
        self._lines.append(text)
        self._prompt.show_queued([" ".join(line.split()) for line in self._lines])

    def stop(self) -> bool:
        """Return False: nothing runs."""
        return False

    def is_busy(self) -> bool:
        """Return False: nothing runs."""
        return False

    def complete(self, before: str) -> Sequence["CompletionItem"]:
        """Offer nothing: the commands are not loaded."""
        del before
        return ()

    def toolbar(self) -> str:
        """Return a blank line, which keeps the toolbar's row."""
        return " "

    def resized(self) -> None:
        """Do nothing: no answer is open."""

    def edit_last(self) -> None:
        """Do nothing: there is no message yet."""

    def take_waiting(self) -> str | None:
        """Return None: queued lines stay until the program has loaded."""

    def open_found(self) -> None:
        """Do nothing: there was no search yet."""

    def leave(self) -> None:
        """End the prompt at once: there is nothing to save yet."""
        self._prompt.leave()
