"""Questions to the user in the live prompt, one at a time, while everything else goes on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.layout import BufferControl, Layout, Window
from prompt_toolkit.layout.processors import ConditionalProcessor, PasswordProcessor

from chatrepl.core.text.surrogates import valid_text
from chatrepl.terminal.screen.live_region import RegionState


@dataclass(slots=True)
class _Question:
    answer: "asyncio.Future[str | None]"
    default: str | None
    """The answer of an empty line, y or n; None: the question is for a line of text."""
    is_secret: bool


class Questions:
    """Queue of questions, with an input line of their own; the draft stays untouched.

    Without ``attach`` all answers are no.
    """

    def __init__(self, state: RegionState, on_change: Callable[[], None]) -> None:
        self._state = state
        self._on_change = on_change
        self._lock = asyncio.Lock()
        self._question: _Question | None = None
        self._layout: Layout | None = None
        self._line: Buffer | None = None
        self._is_closed = False
        self._buffer = Buffer(name="answer", multiline=False)
        hidden = Condition(lambda: self._question is not None and self._question.is_secret)
        control = BufferControl(
            self._buffer,
            input_processors=[ConditionalProcessor(PasswordProcessor(), hidden)],
        )
        self.window = Window(control, height=1, dont_extend_height=True)

    def attach(self, layout: Layout, line: Buffer) -> None:
        """Set the layout that has the focus, and the line that gets it back after a question."""
        self._layout, self._line = layout, line

    @property
    def is_asking(self) -> bool:
        """True while a question waits for its answer."""
        return self._question is not None

    @property
    def is_asking_yes_no(self) -> bool:
        """True while a yes-or-no question waits for its answer."""
        return self._question is not None and self._question.default is not None

    async def confirm(self, question: str, *, default: bool) -> bool:
        """Ask yes or no; a cancelled question is answered by no."""
        choices = "[Y/n]" if default else "[y/N]"
        answer = await self._ask(f"{question} {choices}", default="y" if default else "n")
        return answer == "y"

    async def text(self, question: str, *, secret: bool) -> str | None:
        """Ask for a line of text, hidden if ``secret``; None: the question was cancelled."""
        return await self._ask(question, is_secret=secret)

    def take_key(self, key: str) -> None:
        """Answer a yes-or-no question by the key y or n; others do nothing."""
        if key.lower() in ("y", "n"):
            self._resolve(key.lower())

    def take_line(self) -> None:
        """Answer by the line that was typed, or a yes-or-no question by its default."""
        question = self._question
        if question is not None:
            default = question.default
            self._resolve(valid_text(self._buffer.text) if default is None else default)

    def cancel(self) -> bool:
        """Cancel the question; False: there is none."""
        if self._question is None:
            return False
        self._resolve(None)
        return True

    def close(self) -> None:
        """Cancel all questions, from now on too."""
        self._is_closed = True
        self.cancel()

    def _resolve(self, answer: str | None) -> None:
        question = self._question
        if question is not None and not question.answer.done():
            question.answer.set_result(answer)

    async def _ask(
        self, text: str, *, default: str | None = None, is_secret: bool = False
    ) -> str | None:
        async with self._lock:
            if self._is_closed or self._layout is None or self._line is None:
                return None
            answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
            self._question = _Question(answer, default, is_secret)
            self._state.question = text
            self._layout.focus(self._buffer)
            self._on_change()
            try:
                return await answer
            finally:
                self._question = None
                self._state.question = ""
                self._buffer.reset()
                self._layout.focus(self._line)
                self._on_change()
