"""What each event looks like above the live prompt: finished lines, the open answer, the status."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatrepl.core.errors import unexpected
from chatrepl.core.events import (
    AnswerEnded,
    AnswerStarted,
    ConversationShown,
    MessageAccepted,
    Meter,
    Notice,
    PlainText,
    Progress,
    ReasoningDelta,
    RefusalDelta,
    ShownEvent,
    Table,
    TextDelta,
    ToolCalled,
    WordsShaded,
)
from chatrepl.core.settings.layers import Settings
from chatrepl.terminal.answers import ShownAnswers
from chatrepl.terminal.live.answer_painter import Painter
from chatrepl.terminal.live.status_row import Status

if TYPE_CHECKING:
    from chatrepl.terminal.draw.event_renderer import Drawing, Drawn
    from chatrepl.terminal.prompt.prompt import LivePrompt

__all__ = ["Showing"]

_MESSAGES_AT_ONCE = 20


class Showing:
    """Draws above the prompt, in the style that ``settings`` ask for at that time.

    Nothing can be drawn before ``begin``. ``keep`` takes the topic and the text of a notice that
    stays; an empty text says that it is over.
    """

    def __init__(
        self,
        prompt: "LivePrompt",
        settings: Callable[[], Settings],
        keep: Callable[[str, str], None],
    ) -> None:
        self._prompt, self._settings, self._keep = prompt, settings, keep
        self._drawing: Drawing | None = None
        self.painter = Painter(prompt, lambda error: self.show(Notice.of(unexpected(error))))
        self.status = Status(prompt, self._drawn_by)
        self.answers = ShownAnswers(prompt, self.painter, self.status, self._drawn_by, settings)

    def begin(self, drawing: "Drawing") -> None:
        """Take what draws."""
        self._drawing = drawing

    @property
    def is_ready(self) -> bool:
        """Say whether anything can be drawn yet."""
        return self._drawing is not None

    def show(self, event: ShownEvent) -> None:
        """Draw an event below all that is there."""
        match event:
            case TextDelta() | ReasoningDelta() | RefusalDelta():
                self.status.stop_waiting()
                self.painter.add(event)
            case AnswerStarted():
                self.answers.begin(event)
            case AnswerEnded():
                self.answers.end(event)
            case Notice():
                self._show_notice(event)
            case Progress():
                self._show_progress(event)
            case ToolCalled():
                self.status.stop_waiting()
            case (
                MessageAccepted()
                | Table()
                | Meter()
                | PlainText()
                | WordsShaded()
                | ConversationShown()
            ):
                self.painter.gap()
                self._draw(event)
                self.painter.gap()

    async def show_conversation(self, shown: ConversationShown) -> None:
        """Draw messages some at a time: keys are heard in between, however many there are."""
        for at in range(0, len(shown.messages), _MESSAGES_AT_ONCE):
            self.show(ConversationShown(shown.messages[at : at + _MESSAGES_AT_ONCE]))
            await asyncio.sleep(0)

    def show_command(self, line: str) -> None:
        """Draw a command as it was typed."""
        self.painter.print(self._drawn_by().command(line, self._settings(), self._prompt.columns))

    def _drawn_by(self) -> "Drawing":
        assert self._drawing is not None
        return self._drawing

    def _draw(self, event: "Drawn") -> None:
        self.painter.print(self._drawn_by().lines(event, self._settings(), self._prompt.columns))

    def _show_notice(self, notice: Notice) -> None:
        if notice.stays:
            self._keep(notice.topic, notice.text)
        if notice.text:
            self.status.stop_waiting()
            self._draw(notice)

    def _show_progress(self, progress: Progress) -> None:
        is_over = progress.total > 0 and progress.done >= progress.total
        self.status.stop_waiting()
        drawn = self._drawn_by().progress(progress, self._settings(), self._prompt.columns)
        self.status.show("" if is_over else drawn)
