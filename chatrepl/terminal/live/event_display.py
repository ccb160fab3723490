"""Display events above the live prompt: finished lines, the open answer, the status row."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chatrepl.core.errors import unexpected
from chatrepl.core.events import (
    Among,
    AnswerEnded,
    AnswerStarted,
    ConversationShown,
    Event,
    MessageAccepted,
    Meter,
    Notice,
    PlainText,
    Progress,
    PromptEvent,
    ReasoningDelta,
    RefusalDelta,
    Table,
    TextDelta,
    ToolCalled,
    WordsShaded,
)
from chatrepl.core.settings.layers import Settings
from chatrepl.terminal.live.answer_painter import AnswerPainter
from chatrepl.terminal.live.status_row import StatusRow

if TYPE_CHECKING:
    from chatrepl.terminal.draw.answer_columns import AnswerColumns
    from chatrepl.terminal.draw.event_renderer import DrawableEvent, EventRenderer
    from chatrepl.terminal.prompt.prompt import LivePrompt


_MESSAGES_AT_ONCE = 20


class EventDisplay:
    """The display of events above the prompt, by the settings at that time; not before ``start``.

    ``keep_notice`` takes the topic and the text of a notice that stays; an empty text ends it.
    """

    def __init__(
        self,
        prompt: "LivePrompt",
        settings: Callable[[], Settings],
        *,
        keep_notice: Callable[[str, str], None],
        on_prompt_event: Callable[[PromptEvent], None],
    ) -> None:
        self._prompt = prompt
        self._settings = settings
        self._keep_notice = keep_notice
        self._on_prompt_event = on_prompt_event
        self._drawing: EventRenderer | None = None
        self._columns: AnswerColumns | None = None
        """The view of compared answers that are open side by side."""
        self.painter = AnswerPainter(prompt, lambda error: self.show(Notice.of(unexpected(error))))
        self.status = StatusRow(prompt, self._loaded_drawing)

    def start(self, drawing: "EventRenderer") -> None:
        """Set the renderer, which is loaded late: its import is expensive."""
        self._drawing = drawing

    @property
    def is_ready(self) -> bool:
        """True as soon as events can be drawn."""
        return self._drawing is not None

    def show(self, event: Event) -> None:
        """Draw an event below everything before it, or carry it out at the prompt."""
        match event:
            case TextDelta() | ReasoningDelta() | RefusalDelta():
                self.status.stop_waiting()
                self.painter.add(event)
            case AnswerStarted():
                self._begin_answer(event)
            case AnswerEnded():
                self._end_answer(event)
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
                self.painter.print(self._lines(event))
                self.painter.gap()
            case _:
                self._on_prompt_event(event)

    async def show_conversation(self, shown: ConversationShown) -> None:
        """Draw messages in batches: keys are handled in between, however many there are."""
        for at in range(0, len(shown.messages), _MESSAGES_AT_ONCE):
            self.show(ConversationShown(shown.messages[at : at + _MESSAGES_AT_ONCE]))
            await asyncio.sleep(0)

    def show_command(self, line: str) -> None:
        """Draw a command as it was typed."""
        drawing = self._loaded_drawing()
        self.painter.print(drawing.command(line, self._settings(), self._prompt.columns))

    def begin_columns(self, among: Among) -> bool:
        """Begin to show compared answers in columns; False: the terminal is too narrow for them."""
        from chatrepl.terminal.draw.answer_columns import columns_fit

        width = self._prompt.columns
        if not columns_fit(len(among.models), width):
            return False
        self._columns = view = self._loaded_drawing().columns(among, self._settings(), width)
        numbers = range(among.of - len(among.models) + 1, among.of + 1)
        self.painter.gap()
        self.painter.print(view.heading(numbers))
        self.painter.begin(view)
        self.status.wait_for(f"{len(among.models)} models")
        return True

    def _begin_answer(self, started: AnswerStarted) -> None:
        if self._columns is not None:
            # Its column is there already.
            return
        self.painter.gap()
        if started.among is not None:
            self.painter.print(self._lines(started))
        view = self._loaded_drawing().answer(self._settings(), self._prompt.columns)
        self.painter.begin(view)
        self.status.wait_for(started.model)

    def _end_answer(self, ended: AnswerEnded) -> None:
        """Draw the rest of an answer, its error and its figures."""
        self.status.stop_waiting()
        columns = self._columns
        if columns is None:
            self.painter.end()
        width = self._prompt.columns if columns is None else columns.width
        lines: list[str] = []
        if ended.error is not None:
            lines += self._lines(ended.error, width)
        # Last, for the figures of all columns stand below everything else.
        lines += self._lines(ended, width)
        if columns is None:
            self.painter.print(lines)
        elif self.painter.end_column(ended.index, lines):
            self._columns = None
        if ended.among is not None and self._columns is None:
            self.painter.gap()

    def _show_notice(self, notice: Notice) -> None:
        if notice.stays:
            self._keep_notice(notice.topic, notice.text)
        if notice.text:
            self.status.stop_waiting()
            self.painter.print(self._lines(notice))

    def _show_progress(self, progress: Progress) -> None:
        is_over = progress.total > 0 and progress.done >= progress.total
        self.status.stop_waiting()
        drawing = self._loaded_drawing()
        line = drawing.progress(progress, self._settings(), self._prompt.columns)
        self.status.show("" if is_over else line)

    def _lines(self, event: "DrawableEvent", width: int | None = None) -> Sequence[str]:
        """Draw an event as finished lines of a width; None: the window's."""
        return self._loaded_drawing().lines(event, self._settings(), width or self._prompt.columns)

    def _loaded_drawing(self) -> "EventRenderer":
        assert self._drawing is not None
        return self._drawing
