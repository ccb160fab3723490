"""Queries to the terminal while the live region is painted, and what it replied."""

import asyncio
from collections.abc import Callable

from chatrepl.terminal.screen.prompt_toolkit_internals import Size
from chatrepl.terminal.screen.reflow import Reflow
from chatrepl.terminal.screen.renderer import WriterOutput
from chatrepl.terminal.tty.query_sequences import (
    BACKGROUND_QUERY,
    SIZE_QUERY,
    Background,
    background_of,
    cursor_row_of,
    is_device_attributes,
    size_of,
)

_CONFIRM_S = 0.3
_MAX_WAIT_S = 0.1


class TerminalQueries:
    """Queries for the background's colour and the window's size; replies go to ``Reflow``, too.

    ``on_size`` gets the size of each reply to a size query; None: it cannot be understood.
    """

    def __init__(
        self, output: WriterOutput, reflow: Reflow, on_size: Callable[[Size | None], None]
    ) -> None:
        self._output, self._reflow, self._on_size = output, reflow, on_size
        self.background: Background | None = None
        """None: not known (yet)."""
        self._is_background_pending = False
        self._system_size: Size | None = None
        """The size that the system told when the terminal was last asked for its own."""

    @property
    def is_waiting(self) -> bool:
        """True while a reply is to come."""
        return self._reflow.is_waiting or self._is_background_pending

    def ask_background(self) -> None:
        """Ask for the background's colour."""
        self._is_background_pending = True
        self._output.write_raw(BACKGROUND_QUERY)
        self._output.flush()

    def take_reply(self, reply: str) -> None:
        """Take a terminal's reply; unknown ones are ignored."""
        if background := background_of(reply):
            self.background = background
        elif self._is_background_pending and is_device_attributes(reply):
            self._is_background_pending = False
        elif (row := cursor_row_of(reply)) is not None:
            self._reflow.take_cursor_row(row)
        elif numbers := size_of(reply):
            size = self._reflow.take_size(*numbers)
            if size is not None:
                self._believe(size)
            self._on_size(size)

    def must_wait(self, *, is_first: bool) -> bool:
        """Return whether a frame has to wait for a reply; ask first if the size is a new one.

        ``is_first``: there is no frame yet that the terminal could have received at another size.
        """
        if not self._reflow.is_asking:
            return False
        if is_first:
            self._system_size = self._output.system_size()
        elif self.has_system_size_changed():
            self._system_size = self._output.system_size()
            self._ask_size()
        return self._reflow.is_unclear(self._output.get_size().columns)

    def has_system_size_changed(self) -> bool:
        """Return whether the system tells another size than at the last query."""
        return self._output.system_size() != self._system_size

    def pause(self) -> None:
        """Ask for no more sizes."""
        self._reflow.is_paused = True

    def resume(self) -> None:
        """Ask for sizes again, where the terminal answers."""
        self._reflow.is_paused = False

    async def until_replied(self) -> None:
        """Ask for no more sizes, and wait for the replies on their way, for 0.1 s at most."""
        self.pause()
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _MAX_WAIT_S
        while self.is_waiting and loop.time() < deadline_s:  # noqa: ASYNC110 over soon
            await asyncio.sleep(0.002)
        self._is_background_pending = False

    def give_up(self) -> None:
        """Wait for no reply any more, and ask nothing."""
        self._is_background_pending = False
        self._reflow.give_up()

    def _believe(self, size: Size) -> None:
        """Use the terminal's own size: it is newer than the one that the system tells."""
        system = self._output.system_size()
        self._output.set_size(size if size != system else None)
        if size != system:
            # The system will learn it later, or the window changes back.
            asyncio.get_running_loop().call_later(_CONFIRM_S, self._ask_size)

    def _ask_size(self) -> None:
        if self._reflow.is_asking:
            self._output.write_raw(SIZE_QUERY)
            self._output.flush()
            now_s = asyncio.get_running_loop().time()
            self._reflow.record_query(self._output.get_size(), now_s)
