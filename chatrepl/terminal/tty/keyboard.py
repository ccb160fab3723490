"""Keyboard input for prompt_toolkit: key presses and pastes, without the terminal's replies."""

import asyncio
import codecs
import os
import re
import select
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from prompt_toolkit.input import Input
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

from chatrepl.terminal.tty.input_parser import (
    PASTE_END,
    PASTE_START,
    InputSplitter,
    Key,
    Paste,
    Piece,
    Reply,
    type_ahead,
    with_single_line_ends,
)
from chatrepl.terminal.tty.query_sequences import is_device_attributes

_READ_BYTES = 65536
_PAUSE_S = 0.025
_OPEN_PASTE_S = 2.0
_REPLY_S, _REPLY_PAUSE_S = 2.0, 0.25
# Runs of plain text, with newlines (Ctrl+J), make one key press: one for each character would be
# too expensive when much arrives at once.
_RUN = re.compile(r"[^\x00-\x1f\x7f]{4,}(?:\n+[^\x00-\x1f\x7f]+)*")

# prompt_toolkit's emacs bindings have Alt with these.
ALT_KEYS = frozenset({Keys.Left, Keys.Right})


class Keyboard(Input):
    """Input side of the terminal.

    ``on_closed`` is called once, when the terminal is closed; ``on_error`` with an error that a
    key's binding raised; ``on_reply`` with each reply of the terminal. The first ``bytes_before``
    bytes went through the system's line mode.
    """

    def __init__(
        self,
        input_fd: int,
        *,
        on_closed: Callable[[], None],
        on_error: Callable[[Exception], None],
        on_reply: Callable[[str], object],
        encoding: str = "utf-8",
        bytes_before: int = 0,
    ) -> None:
        self._fd = input_fd
        self._on_closed, self._on_error, self._on_reply = on_closed, on_error, on_reply
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
        self._splitter = InputSplitter(lambda sequence: sequence in ANSI_SEQUENCES)
        self._keys: list[KeyPress] = []
        self._parser = Vt100Parser(self._keys.append)
        self._callback: Callable[[], None] | None = None
        self._ahead: list[str] | None = None
        """Text typed before the prompt came, until the first pause; None: no more is."""
        self._bytes_before, self._chars_before = bytes_before, 0
        self._ahead_s = 0.0
        self._ahead_timer: asyncio.TimerHandle | None = None
        self.is_vi = False
        """Keys are vi's: each character is a key press, and there is no Alt."""
        self._reply_until_s = 0.0
        self._reply_timer: asyncio.TimerHandle | None = None

    def collect_typed_ahead(self) -> None:
        """Take the waiting input, up to the first pause, as typed before the prompt came."""
        if select.select([self._fd], [], [], 0)[0]:
            self._ahead = []

    def expect_reply(self) -> None:
        """For 2 s, wait longer for the rest of an incomplete sequence: replies come in pieces."""
        self._reply_until_s = asyncio.get_running_loop().time() + _REPLY_S

    async def typed_ahead_is_read(self) -> None:
        """Wait until all that was typed before the prompt came is read."""
        while self._ahead is not None:  # noqa: ASYNC110 rare, and over after the first pause
            await asyncio.sleep(_PAUSE_S)

    def pause(self) -> None:
        """Leave the terminal's input to another program."""
        if self._callback is not None:
            asyncio.get_running_loop().remove_reader(self._fd)

    def resume(self) -> None:
        """Read again."""
        if self._callback is not None:
            asyncio.get_running_loop().add_reader(self._fd, self._on_readable)

    # Called by prompt_toolkit.

    @property
    def closed(self) -> bool:
        """Return False: a closed terminal is reported by ``on_closed``."""
        return False

    def fileno(self) -> int:
        """Return the terminal's file descriptor."""
        return self._fd

    def typeahead_hash(self) -> str:
        """Return a name for this input."""
        return f"chatrepl-{self._fd}"

    def raw_mode(self) -> AbstractContextManager[None]:
        """Do nothing: raw mode is set since the program's start."""
        return nullcontext()

    def cooked_mode(self) -> AbstractContextManager[None]:
        """Do nothing, as ``raw_mode``."""
        return nullcontext()

    @contextmanager
    def attach(self, input_ready_callback: Callable[[], None]) -> Iterator[None]:
        """Call back whenever there are keys, within the block."""
        self._callback = input_ready_callback
        self.resume()
        try:
            yield
        finally:
            self.pause()
            self._callback = None
            for timer in (self._ahead_timer, self._reply_timer):
                if timer is not None:
                    timer.cancel()

    @contextmanager
    def detach(self) -> Iterator[None]:
        """Read nothing within the block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def read_keys(self) -> list[KeyPress]:
        """Return the keys that have arrived."""
        return self._take()

    def flush_keys(self) -> list[KeyPress]:
        """Return the keys that a pause has made certain: a lone Escape."""
        loop = asyncio.get_running_loop()
        if self._splitter.is_incomplete and loop.time() < self._reply_until_s:
            if self._reply_timer is not None:
                self._reply_timer.cancel()
            self._reply_timer = loop.call_later(_REPLY_PAUSE_S, self._end_reply)
            return self._take()
        self._convert(self._splitter.flush())
        self._parser.flush()
        return self._take()

    def _take(self) -> list[KeyPress]:
        keys = self._keys[:]
        self._keys.clear()
        return keys

    def _on_readable(self) -> None:
        try:
            data = os.read(self._fd, _READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self.pause()
            self._callback = None
            self._on_closed()
            return
        if self._ahead is not None:
            before, data = data[: self._bytes_before], data[self._bytes_before :]
            self._bytes_before -= len(before)
            text = self._decoder.decode(before)
            self._chars_before += len(text)
            self._collect(text + self._decoder.decode(data))
            return
        self._deliver(self._decoder.decode(data))

    def _deliver(self, text: str) -> None:
        pieces = self._splitter.feed(text, asyncio.get_running_loop().time())
        self._convert(pieces)
        is_reply = bool(pieces) and all(isinstance(piece, Reply) for piece in pieces)
        if not is_reply or self._splitter.is_incomplete:
            self._call_back()

    def _call_back(self) -> None:
        if self._callback is None:
            return
        try:
            self._callback()
        except Exception as error:  # noqa: BLE001 the event loop would only print it
            self._on_error(error)

    def _end_reply(self) -> None:
        self._reply_until_s = 0.0
        self._convert(self._splitter.flush())
        self._parser.flush()
        self._call_back()

    def _collect(self, text: str) -> None:
        assert self._ahead is not None
        self._ahead.append(text)
        loop = asyncio.get_running_loop()
        self._ahead_s = loop.time()
        if self._ahead_timer is not None:
            self._ahead_timer.cancel()
        self._ahead_timer = loop.call_later(_PAUSE_S, self._end_typed_ahead)

    def _end_typed_ahead(self) -> None:
        loop = asyncio.get_running_loop()
        text = "".join(self._ahead or [])
        is_open = text.rfind(PASTE_START) > text.rfind(PASTE_END)
        if is_open and loop.time() - self._ahead_s < _OPEN_PASTE_S:
            self._ahead_timer = loop.call_later(_PAUSE_S, self._end_typed_ahead)
            return
        self._ahead = self._ahead_timer = None
        for part in type_ahead(with_single_line_ends(text, self._chars_before)):
            self._deliver(part)

    def _convert(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            match piece:
                case Paste(text):
                    self._parser.flush()
                    self._keys.append(KeyPress(Keys.BracketedPaste, text))
                case Key(sequence):
                    self._parser.flush()
                    self._keys += self._presses(sequence)
                case Reply(text):
                    if is_device_attributes(text):
                        self._reply_until_s = 0.0
                    self._on_reply(text)
                case _:
                    self._type(piece.text.replace("\x00", ""))

    def _presses(self, sequence: str) -> list[KeyPress]:
        """Return a sequence's key press, after an Escape if it has Alt; none if Alt is not bound.

        An Escape before a key that is not bound with it would act by itself. The presses have no
        data, because bindings for any key insert the data as text.
        """
        is_alt = sequence.startswith("\x1b\x1b")
        named = ANSI_SEQUENCES[sequence[is_alt:]]
        keys = named if isinstance(named, tuple) else (named,)
        if is_alt or keys[0] == Keys.Escape:
            keys = (Keys.Escape, *(key for key in keys if key != Keys.Escape))
            if self.is_vi or keys[1:] not in {(key,) for key in ALT_KEYS}:
                return []
        return [KeyPress(key, "") for key in keys]

    def _type(self, text: str) -> None:
        position = 0
        for run in () if self.is_vi else _RUN.finditer(text):
            # Its first character may belong to an Escape before it.
            self._parser.feed(text[position : run.start() + 1])
            self._parser.flush()
            self._keys.append(KeyPress(run[0][1], run[0][1:]))
            position = run.end()
        self._parser.feed(text[position:])
