"""When and how the live region is painted, and finished lines are printed above it."""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from chatrepl.terminal.screen.live_region import Region
from chatrepl.terminal.screen.pending_lines import ANY_ROWS, NARROW_COLUMNS, PendingLines
from chatrepl.terminal.screen.prompt_toolkit_internals import LiveApplication
from chatrepl.terminal.screen.reflow import CURSOR_QUESTION, SIZE_QUESTION, Reflow, SentFrame
from chatrepl.terminal.screen.renderer import LiveRenderer, WriterOutput
from chatrepl.terminal.tty.background_colour import (
    BACKGROUND_QUESTION,
    Background,
    background_of,
    ends_answers,
)
from chatrepl.terminal.tty.writer import TerminalWriter

if TYPE_CHECKING:
    from prompt_toolkit.data_structures import Size

__all__ = ["Frames"]

_FRAME_S = 0.01
_UNCLEAR_S = 0.05
_SETTLED_S = 0.3
_ANSWER_S = 0.1
_CURSOR_ANSWER = re.compile(r"\x1b\[(\d+);\d+R")
_SIZE_ANSWER = re.compile(r"\x1b\[8;(\d+);(\d+)t")


class Frames:
    """Paints frames, each one write, and only when the terminal has taken the last one.

    Erasing, printing and repainting happen in one callback, in raw mode: no key can fall between.
    On a slow terminal finished lines go out in slices, so that keys echo in between.
    """

    def __init__(
        self,
        app: LiveApplication,
        region: Region,
        writer: TerminalWriter,
        output: WriterOutput,
        renderer: LiveRenderer,
        *,
        reflow: Reflow,
        on_resize: Callable[[], None],
        before_first: Callable[[], None],
    ) -> None:
        self._app, self._region = app, region
        self._writer, self._output, self._renderer = writer, output, renderer
        self._reflow = reflow
        self._on_resize, self._before_first = on_resize, before_first
        self.on_error: Callable[[Exception], None] | None = None
        self._lines = PendingLines()
        self._held: asyncio.TimerHandle | None = None
        self._ready: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._is_paused = False
        self._is_waiting = False
        self._is_first = True
        self.has_painted = asyncio.Event()
        self._size: Size | None = None
        self._sent_s = float("-inf")
        self._is_asking = reflow.is_asking
        self.background: Background | None = None
        self._is_background_asked = False
        self._known_system: Size | None = None
        app.repainter = self

    def print(self, lines: Sequence[str]) -> None:
        """Print finished lines above the region, in order, once."""
        self._lines.add(lines)
        self.request(is_input_same=True)

    def request(self, *, is_urgent: bool = False, is_input_same: bool = False) -> None:
        """Paint soon; several requests make one frame.

        ``is_input_same``: the window that is typed in, which is dear to draw, has not changed.
        """
        if not is_input_same:
            self._region.is_input_same = False
        if self._is_paused or not self._app.is_running:
            return
        if self._timer is not None:
            if not is_urgent or not isinstance(self._timer, asyncio.TimerHandle):
                return
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        wait_s = 0.0 if is_urgent else self._sent_s + _FRAME_S - loop.time()
        self._timer = loop.call_later(wait_s, self._frame) if wait_s > 0 else _soon(self._frame)

    async def ready(self) -> None:
        """Wait until all lines are printed and the terminal can take more."""
        while self._lines or self._writer.pending:
            future = asyncio.get_running_loop().create_future()
            self._ready.append(future)
            self.request(is_input_same=True)
            await future

    async def pause(self) -> None:
        """Clear the region and hold everything back: something else has the terminal."""
        self._is_paused = True
        self._cancel()
        await self._writer.drained()
        self._erase()
        await self._writer.drained()
        await self.until_answered()

    def resume(self) -> None:
        """Paint again, from the cursor's row on."""
        self._is_paused = False
        self._reflow.is_asking = self._is_asking and not self._reflow.has_given_up
        self._output.set_size(None)
        self.request(is_urgent=True)

    def repaint(self) -> None:
        """Erase the region and draw all of it."""
        self._erase()
        self.request(is_urgent=True)

    def finish(self) -> None:
        """Clear the region and print what is left."""
        self._cancel()
        self._output.begin_frame()
        if not self._is_paused:
            self._renderer.erase()
        self._write_lines(self._lines.take_all())
        self._output.end_frame()
        self._is_paused = True
        self._settle()

    def _erase(self) -> None:
        self._output.begin_frame()
        self._renderer.erase()
        self._output.end_frame()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._held is not None:
            self._held.cancel()
            self._held = None

    def _frame(self, *, is_clear: bool = False) -> None:
        self._timer = None
        if self._is_paused or not self._app.is_running:
            return
        if self._writer.pending:
            if not self._is_waiting:
                self._is_waiting = True
                self._writer.when_empty(self._caught_up)
            return
        if is_clear:
            self._output.set_size(None)
        elif self._is_to_be_cleared():
            clear = partial(self._frame, is_clear=True)
            self._timer = asyncio.get_running_loop().call_later(_UNCLEAR_S, clear)
            return
        try:
            self._paint()
        except Exception as error:  # noqa: BLE001 the event loop would only print it
            self._output.end_frame()
            if self.on_error is not None:
                self.on_error(error)

    def _paint(self) -> None:
        known_size = self._size
        is_resized = self._notice_size()
        before, drawn = self._renderer.drawn_region(), self._renderer.snapshot()
        self._output.begin_frame()
        if is_resized:
            before = None
        again = self._erase_resized() if is_resized else ()
        lines = self._take_lines()
        if lines:
            self._renderer.erase()
            self._write_lines(lines)
        self._app.paint(is_input_same=self._region.is_input_same)
        size = self._output.get_size()
        if size != self._size or (self._reflow.is_asking and self._is_news()):
            # Drawn for a window that is no more: as if nothing had been drawn.
            self._output.drop_frame()
            self._size = known_size if is_resized else self._size
            self._renderer.restore(drawn)
            self._lines.put_back(lines)
            self.request(is_urgent=True)
            return
        if self._is_first:
            self._is_first = False
            self._before_first()
            asyncio.get_running_loop().call_soon(self.has_painted.set)
        self._sent_s = asyncio.get_running_loop().time()
        first, last = (CURSOR_QUESTION, SIZE_QUESTION) if self._reflow.is_asking else ("", "")
        if self._output.end_frame(last, first=first):
            if self._reflow.is_rewrapping:
                self._renderer.note_widths()
            region = self._renderer.drawn_region()
            printed = [*again, *lines]
            self._reflow.sent(
                SentFrame(
                    size,
                    before,
                    printed,
                    region,
                    self._sent_s,
                    is_resize=is_resized,
                    is_compact=self._region.is_compact,
                )
            )
        else:
            self._reflow.unchanged(is_compact=self._region.is_compact)
        self._measure()

    def take_answer(self, reply: str) -> bool:
        """Take the terminal's answer to a question; False: it is none."""
        if background := background_of(reply):
            self.background = background
            return True
        if self._is_background_asked and ends_answers(reply):
            self._is_background_asked = False
            return True
        if cursor := _CURSOR_ANSWER.fullmatch(reply):
            self._reflow.cursor_is_at(int(cursor[1]) - 1)
            return True
        answer = _SIZE_ANSWER.fullmatch(reply)
        size = self._reflow.answered(int(answer[1]), int(answer[2])) if answer else None
        if size is not None:
            self._take_size(size)
        if answer and self._lines:
            self.request(is_urgent=True, is_input_same=True)
        return answer is not None

    def _take_size(self, size: "Size") -> None:
        """Believe what the terminal says of its size: it is newer than what the system tells."""
        system = self._output.system_size()
        self._output.set_size(size if size != system else None)
        if size != system:
            # The system will learn it later, or the window changes back.
            asyncio.get_running_loop().call_later(_SETTLED_S, self._ask)
        if size != self._size or self._timer is not None:
            self.request(is_urgent=True)

    def _is_news(self) -> bool:
        return self._output.system_size() != self._known_system

    def _is_to_be_cleared(self) -> bool:
        """Ask the terminal about a new size; True: wait for the answer before painting."""
        if not self._reflow.is_asking:
            return False
        if self._is_first:
            self._known_system = self._output.system_size()
        elif self._is_news():
            self._known_system = self._output.system_size()
            self._ask()
        return self._reflow.is_unclear(self._output.get_size().columns)

    def _ask(self) -> None:
        if self._reflow.is_asking and not self._is_paused:
            self._output.write_raw(SIZE_QUESTION)
            self._output.flush()
            now_s = asyncio.get_running_loop().time()
            self._reflow.asked(self._output.get_size(), now_s)

    async def until_answered(self) -> None:
        """Ask nothing more, and wait for the answers that are on their way."""
        loop = asyncio.get_running_loop()
        self._reflow.is_asking = False
        deadline_s = loop.time() + _ANSWER_S
        while self.is_waiting_for_answer and loop.time() < deadline_s:  # noqa: ASYNC110 over soon
            await asyncio.sleep(0.002)
        self._is_background_asked = False

    def ask_background(self) -> None:
        """Ask the terminal for its background's colour; the answer comes when it comes."""
        if not self._is_paused and self._app.is_running:
            self._is_background_asked = True
            self._output.write_raw(BACKGROUND_QUESTION)
            self._output.flush()

    def expect_no_answers(self) -> None:
        """Stop waiting for the terminal."""
        self._is_background_asked = False
        self._reflow.expect_no_answers()

    @property
    def is_waiting_for_answer(self) -> bool:
        """Whether the terminal is still to answer something."""
        return self._reflow.is_waiting or self._is_background_asked

    def _notice_size(self) -> bool:
        size = self._output.get_size()
        if size == self._size:
            return False
        is_first, self._size = self._size is None, size
        if is_first:
            return False
        self._on_resize()
        return True

    def _erase_resized(self) -> Sequence[str]:
        """Erase the region at a new size; return the lines that had to be printed again."""
        assert self._size is not None
        now_s = asyncio.get_running_loop().time()
        erasure = self._reflow.erasure(self._size, now_s)
        if erasure is None or self._renderer.drawn_region() is None:
            self._renderer.erase()
            return ()
        self._renderer.erase_rows_above(erasure.rows)
        if erasure.lines:
            self._write_lines(erasure.lines)
        return erasure.lines

    def _write_lines(self, lines: Iterable[str]) -> None:
        self._output.write_raw("\r\n".join([*lines, ""]))

    def _take_lines(self) -> list[str]:
        """Take what may be printed now; where a resize could spoil it, little at a time."""
        size, now_s = self._output.get_size(), asyncio.get_running_loop().time()
        self._region.is_flooded = False
        if not self._reflow.is_asking:
            return self._lines.take(ANY_ROWS, size.columns)
        narrow = min(NARROW_COLUMNS, size.columns)
        rows = self._reflow.rows_at_once(size, narrow, now_s)
        if self._lines.fit(rows, narrow):
            return self._lines.take(ANY_ROWS, narrow)
        self._region.is_flooded = True
        if self._reflow.is_compact(now_s):
            return self._lines.take(self._reflow.rows_when_compact(size, now_s), size.columns)
        return []

    def _measure(self) -> None:
        if self._writer.pending:
            self._is_waiting = True
            self._writer.when_empty(self._caught_up)
            return
        self._lines.took(0)
        self._settle()

    def _caught_up(self) -> None:
        self._is_waiting = False
        self._lines.took(asyncio.get_running_loop().time() - self._sent_s)
        self._settle()
        self.request(is_urgent=True, is_input_same=True)

    def _settle(self) -> None:
        if self._lines and not self._is_paused:
            self._go_on()
            return
        if self._region.is_flooded:
            self._region.is_flooded = False
            self.request(is_input_same=True)
        waiting, self._ready = self._ready, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _go_on(self) -> None:
        """Print more: at once, or when the answer has come that lines may be waiting for."""
        if self._held is not None:
            self._held.cancel()
            self._held = None
        loop = asyncio.get_running_loop()
        wait_s = self._reflow.longest_wait_s(loop.time())
        if wait_s > 0:
            self._held = loop.call_later(wait_s, self._go_on)
        elif self._lines:
            self.request(is_urgent=True, is_input_same=True)


def _soon(callback: Callable[[], None]) -> asyncio.Handle:
    return asyncio.get_running_loop().call_soon(callback)
