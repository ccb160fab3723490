"""Which key does what."""

from typing import Protocol

from prompt_toolkit.application.current import get_app
from prompt_toolkit.filters import Condition, is_searching, vi_mode
from prompt_toolkit.key_binding.key_bindings import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.keys import Keys

from chatrepl.terminal.prompt.input_line import InputLine

__all__ = ["KeyTarget", "build_key_bindings"]


class KeyTarget(Protocol):
    """What the keys act upon."""

    line: InputLine
    multiline: bool

    def submit(self) -> None:
        """Send the line."""

    def interrupt(self) -> None:
        """Stop, clear, or hint (Ctrl+C)."""

    def escape(self) -> None:
        """Stop, or edit the last message (Escape)."""

    def take_waiting(self) -> bool:
        """Take back a line that waits (Up); False: none does."""

    def leave_by_key(self) -> None:
        """End the session (Ctrl+D)."""

    def repaint(self) -> None:
        """Draw everything anew."""

    def suspend(self) -> None:
        """Stop the process until the shell wakes it."""

    def open_editor(self) -> None:
        """Edit the line in the user's editor."""

    def answer(self, key: str) -> None:
        """Take a key for the yes-or-no question."""

    def submit_answer(self) -> None:
        """Take the answer's line."""


def build_key_bindings(
    target: KeyTarget, *, is_asking: Condition, is_asking_yes_no: Condition
) -> KeyBindings:
    """Bind all keys; those not bound here are prompt_toolkit's own."""
    bindings = KeyBindings()
    _bind_editing(bindings, target)
    _bind_session(bindings, target)
    _bind_questions(bindings, target, is_asking, is_asking_yes_no)
    return bindings


def _bind_editing(bindings: KeyBindings, target: KeyTarget) -> None:
    line = target.line
    in_line = Condition(lambda: get_app().layout.has_focus(line.buffer))
    is_multiline = Condition(lambda: target.multiline)

    @bindings.add("enter", filter=in_line)
    def _enter(_event: KeyPressEvent) -> None:
        state = line.buffer.complete_state
        if state is not None and state.current_completion is not None:
            line.buffer.complete_state = None
        elif target.multiline:
            line.buffer.insert_text("\n")
        elif not line.continues():
            target.submit()

    def _newline(_event: KeyPressEvent) -> None:
        line.buffer.insert_text("\n")

    def _send(_event: KeyPressEvent) -> None:
        target.submit()

    bindings.add("c-j", filter=in_line)(_newline)
    bindings.add("escape", "enter", filter=in_line & ~is_multiline)(_newline)
    bindings.add("escape", "enter", filter=in_line & is_multiline)(_send)
    bindings.add("escape", "c-j", filter=in_line)(_newline)

    @bindings.add("c-i", filter=in_line)
    def _complete(_event: KeyPressEvent) -> None:
        _offer(line)

    @bindings.add(Keys.BracketedPaste, filter=in_line)
    def _paste(event: KeyPressEvent) -> None:
        line.paste(event.data)


def _offer(line: InputLine) -> None:
    """Insert the only completion or what all have in common, else walk through the menu."""
    buffer = line.buffer
    state = buffer.complete_state
    if state is not None and len(state.completions) > 1:
        buffer.complete_next()
        return
    offers = line.suggestions()
    if len(offers) == 1:
        buffer.apply_completion(offers[0])
    elif offers:
        buffer.start_completion(insert_common_part=True)


def _bind_session(bindings: KeyBindings, target: KeyTarget) -> None:
    line = target.line
    in_line = Condition(lambda: get_app().layout.has_focus(line.buffer))
    is_empty = Condition(lambda: not line.buffer.text)

    @bindings.add("c-c")
    @bindings.add(Keys.SIGINT)
    def _interrupt(_event: KeyPressEvent) -> None:
        target.interrupt()

    @bindings.add("escape", filter=in_line & ~vi_mode)
    def _escape(_event: KeyPressEvent) -> None:
        target.escape()

    @bindings.add("up", filter=in_line & is_empty & ~is_searching)
    def _up(event: KeyPressEvent) -> None:
        if not target.take_waiting():
            line.buffer.auto_up(count=event.arg)

    @bindings.add("c-d", filter=in_line & is_empty)
    def _leave(_event: KeyPressEvent) -> None:
        target.leave_by_key()

    @bindings.add("c-l")
    def _repaint(_event: KeyPressEvent) -> None:
        target.repaint()

    @bindings.add("c-z")
    def _suspend(_event: KeyPressEvent) -> None:
        target.suspend()

    @bindings.add("c-x", "c-e", filter=in_line)
    @bindings.add("c-g", filter=in_line & ~is_searching)
    def _editor(_event: KeyPressEvent) -> None:
        target.open_editor()


def _bind_questions(
    bindings: KeyBindings, target: KeyTarget, is_asking: Condition, is_asking_yes_no: Condition
) -> None:
    @bindings.add("enter", filter=is_asking)
    def _enter(_event: KeyPressEvent) -> None:
        target.submit_answer()

    @bindings.add("escape", filter=is_asking)
    def _cancel(_event: KeyPressEvent) -> None:
        target.interrupt()

    @bindings.add(Keys.Any, filter=is_asking_yes_no)
    def _key(event: KeyPressEvent) -> None:
        target.answer(event.data[:1])

    @bindings.add(Keys.BracketedPaste, filter=is_asking_yes_no)
    def _paste(event: KeyPressEvent) -> None:
        target.line.paste(event.data)
