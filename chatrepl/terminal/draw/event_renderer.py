"""Rendering of events to terminal lines, in the style that the settings select."""

from collections.abc import Callable, Mapping, Sequence

from chatrepl.core.events import (
    Among,
    AnswerEnded,
    AnswerStarted,
    ConversationShown,
    MessageAccepted,
    Meter,
    Notice,
    PlainText,
    Progress,
    Table,
    WordsShaded,
)
from chatrepl.core.settings.layers import Settings
from chatrepl.core.text.terminal_safe import safe_line
from chatrepl.core.turn.sequencer import HeldAnswer
from chatrepl.terminal.draw import events
from chatrepl.terminal.draw.answer_columns import AnswerColumns
from chatrepl.terminal.draw.answer_view import AnswerView
from chatrepl.terminal.draw.layout.style import DrawStyle, Theme, detect_background, detect_style
from chatrepl.terminal.draw.meter import draw_meter

DrawableEvent = (
    MessageAccepted
    | AnswerStarted
    | AnswerEnded
    | Notice
    | Table
    | Meter
    | PlainText
    | ConversationShown
    | WordsShaded
)
"""Events that become finished lines at once."""


class EventRenderer:
    """Renderer of events, which reads the settings each time, so that a change shows at once.

    ``background`` returns the terminal's background, or None while it is not known.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        is_terminal: bool,
        encoding: str,
        no_color: bool,
        background: Callable[[], Theme | None] = lambda: None,
    ) -> None:
        self._environment = {**environment, "NO_COLOR": "1"} if no_color else environment
        self._is_terminal = is_terminal
        self._background = background
        self._encoding = encoding
        self._plain_style = detect_style({}, is_terminal=False, encoding=encoding)

    def style(self, settings: Settings) -> DrawStyle:
        """Return the style that the terminal and the settings ask for now."""
        theme = settings.get("theme")
        return detect_style(
            self._environment,
            is_terminal=self._is_terminal,
            encoding=self._encoding,
            theme="dark" if theme == "dark" else "light" if theme == "light" else self._detected(),
            show_thinking=settings.is_on("thinking"),
        )

    def _detected(self) -> Theme:
        return self._background() or detect_background(self._environment) or "auto"

    def answer(self, settings: Settings, width: int) -> AnswerView:
        """Return a view that draws an answer while it streams."""
        return AnswerView(self.style(settings), is_markdown=settings.is_on("markdown"), width=width)

    def columns(self, among: Among, settings: Settings, width: int) -> AnswerColumns:
        """Return a view that draws compared answers in columns."""
        markdown = settings.is_on("markdown")
        return AnswerColumns(among.models, self.style(settings), is_markdown=markdown, width=width)

    def lines(self, event: DrawableEvent, settings: Settings, width: int) -> Sequence[str]:
        """Draw an event as finished lines."""
        style = self.style(settings)
        match event:
            case MessageAccepted(message=message):
                return events.draw_user_message(message.content, style, width)
            case AnswerStarted():
                return events.draw_answer_start(event, style, width)
            case AnswerEnded():
                return events.draw_answer_end(event, style, width)
            case Notice():
                return events.draw_notice(event, style, width)
            case Table():
                return events.draw_table(event, style, width)
            case Meter():
                return draw_meter(event, style, width)
            case WordsShaded():
                return events.draw_shaded(event, style, width)
            case PlainText():
                return events.draw_plain(event, style, width)
            case ConversationShown():
                is_markdown = settings.is_on("markdown")
                return events.draw_conversation(event, style, width, is_markdown=is_markdown)

    def command(self, line: str, settings: Settings, width: int) -> Sequence[str]:
        """Draw a command as it was typed."""
        return events.draw_user_message(line, self.style(settings), width)

    def progress(self, progress: Progress, settings: Settings, width: int) -> str:
        """Draw progress in one line."""
        return events.draw_progress(progress, self.style(settings), width)

    def waiting(self, model: str, seconds: int) -> str:
        """Return the line that shows while an answer is awaited, without styles."""
        elapsed = f"  {seconds} s, Esc stops" if seconds else ""
        return f"{self._plain_style.signs('⋯')} {safe_line(model)}{elapsed}"

    def held_answers(self, waiting: str, held: Sequence[HeldAnswer], width: int) -> str:
        """Return the line that shows the progress of answers not shown yet, without styles."""
        return events.draw_held_answers(waiting, held, self._plain_style, width)
