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
from chatrepl.terminal.live.answer_painter import Painter
from chatrepl.terminal.live.status_row import Status

if TYPE_CHECKING:
    from chatrepl.terminal.draw.event_renderer import DrawableEvent, EventRenderer
    from chatrepl.terminal.prompt.prompt import LivePrompt
from typing import TYPE_CHECKING

from chatrepl.core.events import Among

if TYPE_CHECKING:
    from chatrepl.terminal.draw.answer_columns import AnswerColumns
    from chatrepl.terminal.draw.event_renderer import EventRenderer
    from chatrepl.terminal.prompt.prompt import LivePrompt

__all__ = ["EventDisplay", "ShownAnswers"]

_MESSAGES_AT_ONCE = 20


class EventDisplay:
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
        self._drawing: EventRenderer | None = None
        self.painter = Painter(prompt, lambda error: self.show(Notice.of(unexpected(error))))
        self.status = Status(prompt, self._drawn_by)
        self.answers = ShownAnswers(prompt, self.painter, self.status, self._drawn_by, settings)

    def begin(self, drawing: "EventRenderer") -> None:
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

    def _drawn_by(self) -> "EventRenderer":
        assert self._drawing is not None
        return self._drawing

    def _draw(self, event: "DrawableEvent") -> None:
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


class ShownAnswers:
    """Begins and ends answers; their pieces go to the painter."""

    def __init__(
        self,
        prompt: "LivePrompt",
        painter: "Painter",
        status: "Status",
        drawing: Callable[[], "EventRenderer"],
        settings: Callable[[], Settings],
    ) -> None:
        self._prompt = prompt
        self._painter = painter
        self._status = status
        self._drawing = drawing
        self._settings = settings
        self._beside: AnswerColumns | None = None

    def begin_beside(self, among: Among) -> bool:
        """Begin to show compared answers in columns; False: the terminal is too narrow for them."""
        from chatrepl.terminal.draw.answer_columns import columns_fit

        columns = self._prompt.columns
        if not columns_fit(len(among.models), columns):
            return False
        self._beside = view = self._drawing().columns(among, self._settings(), columns)
        numbers = range(among.of - len(among.models) + 1, among.of + 1)
        self._painter.gap()
        self._painter.print(view.heading(numbers))
        self._painter.begin(view)
        self._status.wait_for(f"{len(among.models)} models")
        return True

    def begin(self, started: AnswerStarted) -> None:
        """Begin an answer below what is there, unless it has its column already."""
        if self._beside is not None:
            return
        drawing, settings, columns = self._drawing(), self._settings(), self._prompt.columns
        self._painter.gap()
        if started.among is not None:
            self._painter.print(drawing.lines(started, settings, columns))
        self._painter.begin(drawing.answer(settings, columns))
        self._status.wait_for(started.model)

    def end(self, ended: AnswerEnded) -> None:
        """Draw the rest of an answer, and what there is to say below it."""
        self._status.stop_waiting()
        beside = self._beside
        if beside is None:
            self._painter.end()
        width = self._prompt.columns if beside is None else beside.width
        lines: list[str] = []
        if ended.error is not None:
            lines += self._drawing().lines(ended.error, self._settings(), width)
        # Last, for the figures of all columns stand below everything else.
        lines += self._drawing().lines(ended, self._settings(), width)
        if beside is None:
            self._painter.print(lines)
        elif self._painter.end_part(ended.index, lines):
            self._beside = None
        if ended.among is not None and self._beside is None:
            self._painter.gap()
