"""Key bindings of the live prompt."""

from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition, is_searching, vi_mode
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.keys import Keys

from chatrepl.terminal.prompt.input_line import InputLine
from chatrepl.terminal.prompt.key_actions import KeyActions
from chatrepl.terminal.prompt.questions import Questions


def build_key_bindings(actions: KeyActions, questions: Questions) -> KeyBindings:
    """Return the program's bindings; prompt_toolkit adds its own for all other keys."""
    bindings = KeyBindings()
    _bind_editing(bindings, actions)
    _bind_session(bindings, actions)
    _bind_questions(bindings, actions, questions)
    return bindings


def _bind_editing(bindings: KeyBindings, actions: KeyActions) -> None:
    line = actions.line
    in_line = Condition(lambda: get_app().layout.has_focus(line.buffer))
    is_multiline = Condition(lambda: actions.multiline)

    @bindings.add("enter", filter=in_line)
    def _enter(_event: KeyPressEvent) -> None:
        state = line.buffer.complete_state
        if state is not None and state.current_completion is not None:
            line.buffer.complete_state = None
        elif actions.multiline:
            line.buffer.insert_text("\n")
        elif not line.continue_line():
            actions.submit()

    def _newline(_event: KeyPressEvent) -> None:
        line.buffer.insert_text("\n")

    def _send(_event: KeyPressEvent) -> None:
        actions.submit()

    bindings.add("c-j", filter=in_line)(_newline)
    bindings.add("escape", "enter", filter=in_line & ~is_multiline)(_newline)
    bindings.add("escape", "enter", filter=in_line & is_multiline)(_send)
    bindings.add("escape", "c-j", filter=in_line)(_newline)

    @bindings.add("c-i", filter=in_line)
    def _complete(_event: KeyPressEvent) -> None:
        _complete_word(line)

    @bindings.add(Keys.BracketedPaste, filter=in_line)
    def _paste(event: KeyPressEvent) -> None:
        line.paste(event.data)


def _complete_word(line: InputLine) -> None:
    """Insert the only completion or the common beginning of all, else walk through the menu."""
    buffer = line.buffer
    state = buffer.complete_state
    if state is not None and len(state.completions) > 1:
        buffer.complete_next()
        return
    completions = line.completions()
    if len(completions) == 1:
        buffer.apply_completion(completions[0])
    elif completions:
        buffer.start_completion(insert_common_part=True)


def _bind_session(bindings: KeyBindings, actions: KeyActions) -> None:
    line = actions.line
    in_line = Condition(lambda: get_app().layout.has_focus(line.buffer))
    is_empty = Condition(lambda: not line.buffer.text)

    @bindings.add("c-c")
    @bindings.add(Keys.SIGINT)
    def _interrupt(_event: KeyPressEvent) -> None:
        actions.interrupt()

    @bindings.add("escape", filter=in_line & ~vi_mode)
    def _escape(_event: KeyPressEvent) -> None:
        actions.escape()

    @bindings.add("up", filter=in_line & is_empty & ~is_searching)
    def _up(event: KeyPressEvent) -> None:
        if not actions.take_waiting():
            line.buffer.auto_up(count=event.arg)

    @bindings.add("c-d", filter=in_line & is_empty)
    def _leave(_event: KeyPressEvent) -> None:
        actions.leave()

    @bindings.add("c-l")
    def _repaint(_event: KeyPressEvent) -> None:
        actions.repaint()

    @bindings.add("c-z")
    def _suspend(_event: KeyPressEvent) -> None:
        actions.suspend()

    @bindings.add("c-x", "c-e", filter=in_line)
    @bindings.add("c-g", filter=in_line & ~is_searching)
    def _editor(_event: KeyPressEvent) -> None:
        actions.open_editor()


def _bind_questions(bindings: KeyBindings, actions: KeyActions, questions: Questions) -> None:
    is_asking = Condition(lambda: questions.is_asking)
    is_asking_yes_no = Condition(lambda: questions.is_asking_yes_no)

    @bindings.add("enter", filter=is_asking)
    def _enter(_event: KeyPressEvent) -> None:
        questions.take_line()

    @bindings.add("escape", filter=is_asking)
    def _cancel(_event: KeyPressEvent) -> None:
        actions.interrupt()

    @bindings.add(Keys.Any, filter=is_asking_yes_no)
    def _key(event: KeyPressEvent) -> None:
        questions.take_key(event.data[:1])

    @bindings.add(Keys.BracketedPaste, filter=is_asking_yes_no)
    def _paste(event: KeyPressEvent) -> None:
        actions.line.paste(event.data)
