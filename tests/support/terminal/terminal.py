"""A real pseudo-terminal with a screen behind it."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.terminal.screen import ScrollingScreen, new_stream

__all__ = ["Terminal"]

# A session leader that opens a terminal gets it as its controlling terminal.
_TAKE_TERMINAL = 'tty=$1; shift; exec "$@" <"$tty" >"$tty" 2>&1'
_CURSOR = re.compile(rb"\x1b\[\?25([hl])")
_PASTE = re.compile(rb"\x1b\[\?2004([hl])")
_WRAP = re.compile(rb"\x1b\[\?7([hl])")
_ALTERNATE = re.compile(rb"\x1b\[\?1049([hl])")


class Terminal:
    """Run a program in a pseudo-terminal and keep what it shows, with everything scrolled off.

    ``read_rate`` slows the terminal down to so many bytes a second. The program gets only ``env``
    and a few neutral variables. Use it as a context manager: the program is killed at its end.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        rows: int = 24,
        columns: int = 80,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        read_rate: float | None = None,
        typed_before: bytes = b"",
    ) -> None:
        self.rows, self.columns = rows, columns
        self.read_rate = read_rate
        self.raw = bytearray()
        self.screen = ScrollingScreen(columns, rows)
        self._stream = new_stream(self.screen)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._changed = threading.Condition()
        self._closing = False
        self.master, self._slave = pty.openpty()
        self._set_size(rows, columns)
        self.modes_before = termios.tcgetattr(self._slave)
        if typed_before:
            os.write(self.master, typed_before)
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", _TAKE_TERMINAL, "sh", os.ttyname(self._slave), *map(str, argv)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=cwd,
            env=_neutral_environment() | dict(env or {}),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # What the person does.

    def send(self, data: str | bytes) -> None:
        """Type text or raw key codes; blocks while the program doesn't read."""
        rest = data.encode() if isinstance(data, str) else data
        while rest:
            rest = rest[os.write(self.master, rest[:1024]) :]

    def paste(self, text: str | bytes) -> None:
        """Paste as terminals do it that know bracketed paste."""
        body = text.encode() if isinstance(text, str) else text
        self.send(b"\x1b[200~" + body + b"\x1b[201~")

    def resize(self, rows: int, columns: int) -> None:
        """Change the window's size; the screen's content is cut, not wrapped anew."""
        with self._changed:
            self.rows, self.columns = rows, columns
            self.screen.resize(rows, columns)
        self._set_size(rows, columns)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal's window."""
        self._stop_reading()
        os.close(self._slave)
        os.close(self.master)
        self.master = self._slave = -1

    # What the person sees.

    def text(self) -> str:
        """Return the visible rows, without blanks at their ends."""
        with self._changed:
            return "\n".join(row.rstrip() for row in self.screen.display).rstrip("\n")

    def scrollback(self) -> list[str]:
        """Return the rows that scrolled off the top."""
        with self._changed:
            return list(self.screen.scrollback)

    def everything(self) -> str:
        """Return all rows, scrolled off or visible."""
        return "\n".join([*self.scrollback(), self.text()])

    def cursor(self) -> tuple[int, int]:
        """Return the cursor's row and column, from 0."""
        with self._changed:
            return self.screen.cursor.y, self.screen.cursor.x

    def wait_for(
        self, what: str | Callable[["Terminal"], object], timeout_s: float = 10.0
    ) -> "Terminal":
        """Wait until a text is visible or scrolled off, or a condition holds."""
        deadline = time.monotonic() + timeout_s
        while not self._holds(what):
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no {what!r} in {timeout_s} s; the screen:\n{self.text()}")
            with self._changed:
                self._changed.wait(min(left, 0.05))
        return self

    def wait_until_quiet(self, quiet_s: float = 0.3, timeout_s: float = 20.0) -> "Terminal":
        """Wait until the program has written nothing for a while."""
        deadline = time.monotonic() + timeout_s
        seen, since = len(self.raw), time.monotonic()
        while time.monotonic() - since < quiet_s:
            if time.monotonic() > deadline:
                raise AssertionError(f"still writing after {timeout_s} s:\n{self.text()}")
            time.sleep(0.02)
            # What has arrived may take the screen longer to draw than the silence lasts.
            with self._changed:
                is_waiting = bool(select.select([self.master], [], [], 0)[0])
            if is_waiting or len(self.raw) != seen:
                seen, since = len(self.raw), time.monotonic()
        return self

    # How it ends.

    def wait_exit(self, timeout_s: float = 10.0) -> int:
        """Wait for the program's end; its code, or minus the signal's number."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s} s:\n{self.text()}") from None
        if self.master >= 0:
            self.wait_until_quiet(0.1)
        return code

    def dirt(self) -> list[str]:
        """Return the ways in which the program left the terminal changed."""
        found = []
        if termios.tcgetattr(self.master) != self.modes_before:
            found.append("terminal modes differ")
        raw = bytes(self.raw)
        if _last(_CURSOR, raw) == b"l":
            found.append("cursor hidden")
        if _last(_PASTE, raw) == b"h":
            found.append("bracketed paste on")
        if _last(_WRAP, raw) == b"l":
            found.append("no wrapping at the edge")
        if _last(_ALTERNATE, raw) == b"h":
            found.append("alternate screen")
        with self._changed:
            style = self.screen.cursor.attrs
            if style._replace(data=" ") != self.screen.default_char._replace(data=" "):
                found.append(f"text style left on: {style}")
        return found

    def is_terminal_clean(self) -> bool:
        """Return whether modes, cursor, bracketed paste and text style are as at the start."""
        return not self.dirt()

    def close(self) -> None:
        """Kill the program if it still runs, and give the terminal back."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.master >= 0:
            self._stop_reading()
            os.close(self.master)
            os.close(self._slave)
            self.master = self._slave = -1

    def _holds(self, what: str | Callable[["Terminal"], object]) -> bool:
        return what in self.everything() if isinstance(what, str) else bool(what(self))

    def _set_size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _stop_reading(self) -> None:
        self._closing = True
        self._reader.join()

    def _read(self) -> None:
        while not self._closing:
            if not select.select([self.master], [], [], 0.05)[0]:
                continue
            size = 65536 if self.read_rate is None else max(1, min(1024, int(self.read_rate / 50)))
            try:
                data = os.read(self.master, size)
            except OSError:
                return
            with self._changed:
                self.raw += data
                self._stream.feed(self._decode.decode(data))
                self._changed.notify_all()
            if self.read_rate is not None:
                time.sleep(len(data) / self.read_rate)


def _last(pattern: re.Pattern[bytes], raw: bytes) -> bytes:
    found: list[bytes] = pattern.findall(raw)
    return found[-1] if found else b""


def _neutral_environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "PYTHONWARNINGS": "error",
    }
