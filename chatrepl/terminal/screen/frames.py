"""Scheduling and painting of frames: the live region, and finished lines above it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from chatrepl.terminal.screen.live_region import Region
from chatrepl.terminal.screen.pending_lines import ANY_ROWS, NARROW_COLUMNS, PendingLines
from chatrepl.terminal.screen.prompt_toolkit_internals import LiveApplication
from chatrepl.terminal.screen.reflow import Reflow, SentFrame
from chatrepl.terminal.screen.renderer import DrawnRegion, LiveRenderer, WriterOutput
from chatrepl.terminal.screen.terminal_queries import TerminalQueries
from chatrepl.terminal.tty.query_sequences import CURSOR_QUERY, SIZE_QUERY
from chatrepl.terminal.tty.writer import TerminalWriter

if TYPE_CHECKING:
    from chatrepl.terminal.screen.prompt_toolkit_internals import Size


_FRAME_S = 0.01
_MAX_REPLY_WAIT_S = 0.05
_RESIZE_SETTLED_S = 0.5


class Frames:
    """Painter of frames: each is one write, and only when the terminal has taken the last one.

    Erasing, printing and repainting happen in one callback, in raw mode: no key can fall between.
    On a slow terminal finished lines go out in slices, so that keys echo in between.

    ``on_resize`` has to draw the region's tail anew; it is called before the first frame at a new
    size, and when the size has settled. ``before_first`` is called before the first frame is sent,
    ``on_error`` with what a frame raised.
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
        on_error: Callable[[Exception], None],
        before_first: Callable[[], None],
    ) -> None:
        self._app, self._region = app, region
        self._writer, self._output, self._renderer = writer, output, renderer
        self._reflow = reflow
        self.queries = TerminalQueries(output, reflow, self._take_reported_size)
        self._on_resize, self._on_error, self._before_first = on_resize, on_error, before_first
        self._lines = PendingLines()
        self._ready: list[asyncio.Future[None]] = []
        self._frame_timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._lines_timer: asyncio.TimerHandle | None = None
        self._resize_timer: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._size: Size | None = None
        """The size of the last frame drawn."""
        self._sent_s = float("-inf")
        self.has_painted = asyncio.Event()
        app.repainter = self

    # What the program asks for.

    def print(self, lines: Sequence[str]) -> None:
        """Print finished lines above the region, in order, once."""
        self._lines.add(lines)
        self.request(is_input_same=True)

    def request(self, *, is_urgent: bool = False, is_input_same: bool = False) -> None:
        """Paint soon; several requests make one frame.

        ``is_input_same``: the input window, which is expensive to draw, has not changed.
        """
        if not is_input_same:
            self._region.forget_input()
        if not self._can_paint:
            return
        if self._frame_timer is not None:
            if not is_urgent or not isinstance(self._frame_timer, asyncio.TimerHandle):
                return
            self._frame_timer.cancel()
        loop = asyncio.get_running_loop()
        wait_s = 0.0 if is_urgent else self._sent_s + _FRAME_S - loop.time()
        if wait_s > 0:
            self._frame_timer = loop.call_later(wait_s, self._frame)
        else:
            self._frame_timer = loop.call_soon(self._frame)

    async def ready(self) -> None:
        """Wait until all lines are printed and the terminal can take more."""
        while self._lines or self._writer.pending:
            future = asyncio.get_running_loop().create_future()
            self._ready.append(future)
            self.request(is_input_same=True)
            await future

    async def pause(self) -> None:
        """Erase the region and hold everything back: another program gets the terminal."""
        self._is_paused = True
        self.queries.pause()
        self._cancel()
        await self._writer.drained()
        self._erase()
        await self._writer.drained()
        await self.queries.until_replied()

    def resume(self) -> None:
        """Paint again, from the cursor's row on."""
        self._is_paused = False
        self.queries.resume()
        self._output.set_size(None)
        self.request(is_urgent=True)

    def repaint(self) -> None:
        """Erase the region and draw all of it."""
        self._erase()
        self.request(is_urgent=True)

    def ask_background(self) -> None:
        """Ask the terminal for its background's colour."""
        if self._can_paint:
            self.queries.ask_background()

    def finish(self) -> None:
        """Erase the region for good, and print the lines that are left."""
        self._cancel()
        self.queries.pause()
        if self._resize_timer is not None:
            self._resize_timer.cancel()
        self._output.begin_frame()
        if not self._is_paused:
            self._renderer.erase()
        self._write_lines(self._lines.take_all())
        self._output.end_frame()
        self._is_paused = True
        self._settle()

    @property
    def _can_paint(self) -> bool:
        return not self._is_paused and self._app.is_running

    @property
    def _is_first(self) -> bool:
        """True until a frame was sent."""
        return self._sent_s == float("-inf")

    def _erase(self) -> None:
        self._output.begin_frame()
        self._renderer.erase()
        self._output.end_frame()

    def _cancel(self) -> None:
        if self._frame_timer is not None:
            self._frame_timer.cancel()
            self._frame_timer = None
        if self._lines_timer is not None:
            self._lines_timer.cancel()
            self._lines_timer = None

    # One frame.

    def _frame(self, *, is_reply_overdue: bool = False) -> None:
        """Paint, if the terminal can take a frame and its size is known."""
        self._frame_timer = None
        if not self._can_paint:
            return
        if self._writer.pending:
            self._writer.when_empty(self._on_written)
            return
        if is_reply_overdue:
            self._output.set_size(None)
        elif self.queries.must_wait(is_first=self._is_first):
            overdue = partial(self._frame, is_reply_overdue=True)
            loop = asyncio.get_running_loop()
            self._frame_timer = loop.call_later(_MAX_REPLY_WAIT_S, overdue)
            return
        try:
            self._paint()
        except Exception as error:  # noqa: BLE001 the event loop would only print it
            self._output.end_frame()
            self._on_error(error)

    def _paint(self) -> None:
        known_size = self._size
        is_resize = self._notice_size()
        before = None if is_resize else self._renderer.drawn_region()
        snapshot = self._renderer.snapshot()
        self._output.begin_frame()
        reprinted = self._erase_resized() if is_resize else ()
        lines = self._take_lines()
        if lines:
            self._renderer.erase()
            self._write_lines(lines)
        self._app.paint(is_input_same=self._region.is_input_same)
        if self._is_outdated():
            self._output.drop_frame()
            self._size = known_size if is_resize else self._size
            self._renderer.restore(snapshot)
            self._lines.put_back(lines)
            self.request(is_urgent=True)
            return
        if self._is_first:
            self._before_first()
            asyncio.get_running_loop().call_soon(self.has_painted.set)
        self._send(before, [*reprinted, *lines], is_resize=is_resize)
        if self._writer.pending:
            self._writer.when_empty(self._on_written)
        else:
            self._lines.record_duration(0)
            self._settle()

    def _is_outdated(self) -> bool:
        """Return whether the window changed while the frame was drawn."""
        if self._output.get_size() != self._size:
            return True
        return self._reflow.is_asking and self.queries.has_system_size_changed()

    def _send(self, before: DrawnRegion | None, lines: Sequence[str], *, is_resize: bool) -> None:
        self._sent_s = asyncio.get_running_loop().time()
        prefix, suffix = (CURSOR_QUERY, SIZE_QUERY) if self._reflow.is_asking else ("", "")
        if not self._output.end_frame(prefix, suffix):
            self._reflow.record_unchanged(is_compact=self._region.is_compact)
            return
        if self._reflow.is_rewrapping:
            self._renderer.note_widths()
        assert self._size is not None
        self._reflow.record_frame(
            SentFrame(
                self._size,
                before,
                lines,
                self._renderer.drawn_region(),
                self._sent_s,
                is_resize=is_resize,
                is_compact=self._region.is_compact,
            )
        )

    # Sizes.

    def _notice_size(self) -> bool:
        """Return whether the window has a new size, and begin to draw for it."""
        size = self._output.get_size()
        if size == self._size:
            return False
        is_first, self._size = self._size is None, size
        if is_first:
            return False
        self._begin_resize()
        return True

    def _begin_resize(self) -> None:
        """Keep the region low until the size has settled: often many sizes come in a second."""
        if self._resize_timer is not None:
            self._resize_timer.cancel()
        loop = asyncio.get_running_loop()
        self._resize_timer = loop.call_later(_RESIZE_SETTLED_S, self._end_resize)
        self._region.is_resizing = True
        self._on_resize()

    def _end_resize(self) -> None:
        self._resize_timer = None
        self._region.is_resizing = False
        self._on_resize()
        self.request()

    def _take_reported_size(self, size: "Size | None") -> None:
        """Resume a frame or lines that may wait for the terminal's reply."""
        if size is not None and (size != self._size or self._frame_timer is not None):
            self.request(is_urgent=True)
        if self._lines:
            self.request(is_urgent=True, is_input_same=True)

    def _erase_resized(self) -> Sequence[str]:
        """Erase the region at a new size; return the lines that had to be printed again."""
        assert self._size is not None
        now_s = asyncio.get_running_loop().time()
        erasure = self._reflow.erasure(self._size, now_s)
        if erasure is None or self._renderer.last_rendered_screen is None:
            self._renderer.erase()
            return ()
        self._renderer.erase_rows_above(erasure.rows)
        if erasure.lines:
            self._write_lines(erasure.lines)
        return erasure.lines

    # Finished lines.

    def _write_lines(self, lines: Iterable[str]) -> None:
        self._output.write_raw("\r\n".join([*lines, ""]))

    def _take_lines(self) -> list[str]:
        """Take the lines to print now: all, or a few where a resize could spoil them.

        A frame that meets a narrower window on its way leaves rows of the old region above the
        lines that it prints. They can be erased while they are on the screen. So either few enough
        lines are on their way, or the region is compact first (the next frame draws it so).
        """
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

    def _on_written(self) -> None:
        """Go on when the terminal has taken everything."""
        self._lines.record_duration(asyncio.get_running_loop().time() - self._sent_s)
        self._settle()
        self.request(is_urgent=True, is_input_same=True)

    def _settle(self) -> None:
        """Print more lines if there are any, else let the callers of ``ready`` go on."""
        if self._lines and not self._is_paused:
            self._print_more()
            return
        if self._region.is_flooded:
            self._region.is_flooded = False
            self.request(is_input_same=True)
        waiting, self._ready = self._ready, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _print_more(self) -> None:
        """Print more lines: at once, or when the reply has come that they may be waiting for."""
        if self._lines_timer is not None:
            self._lines_timer.cancel()
            self._lines_timer = None
        loop = asyncio.get_running_loop()
        wait_s = self._reflow.wait_s(loop.time())
        if wait_s > 0:
            self._lines_timer = loop.call_later(wait_s, self._print_more)
        elif self._lines:
            self.request(is_urgent=True, is_input_same=True)
