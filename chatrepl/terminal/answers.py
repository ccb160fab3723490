"""Answers on the screen: one as it grows, or several that are compared, beside each other."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from chatrepl.core.events import Among, AnswerEnded, AnswerStarted
from chatrepl.core.settings.layers import Settings

if TYPE_CHECKING:
    from chatrepl.terminal.draw.answer_columns import BesideView
    from chatrepl.terminal.draw.event_renderer import Drawing
    from chatrepl.terminal.live.answer_painter import Painter
    from chatrepl.terminal.live.status_row import Status
    from chatrepl.terminal.prompt.prompt import LivePrompt

__all__ = ["ShownAnswers"]


class ShownAnswers:
    """Begins and ends answers; their pieces go to the painter."""

    def __init__(
        self,
        prompt: "LivePrompt",
        painter: "Painter",
        status: "Status",
        drawing: Callable[[], "Drawing"],
        settings: Callable[[], Settings],
    ) -> None:
        self._prompt = prompt
        self._painter = painter
        self._status = status
        self._drawing = drawing
        self._settings = settings
        self._beside: BesideView | None = None

    def begin_beside(self, among: Among) -> bool:
        """Begin to show compared answers in columns; False: the terminal is too narrow for them."""
        from chatrepl.terminal.draw.answer_columns import can_show_beside

        columns = self._prompt.columns
        if not can_show_beside(len(among.beside), columns):
            return False
        self._beside = view = self._drawing().beside(among, self._settings(), columns)
        numbers = range(among.of - len(among.beside) + 1, among.of + 1)
        self._painter.gap()
        self._painter.print(view.heading(numbers))
        self._painter.begin(view)
        self._status.wait_for(f"{len(among.beside)} models")
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
