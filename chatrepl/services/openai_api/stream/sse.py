"""Parser of server-sent events: bytes in, events out, however the bytes are split. No I/O.

Follows the event stream format of the WHATWG HTML standard, section 9.2.6, with two differences:
an event that lacks its blank line at the end of the stream is not discarded, and neither are
errors that servers put outside of events, as ``error: {…}``, as bare JSON, or as a page.
"""

from typing import NamedTuple

from chatrepl.core.errors import Fault, ModelError

MAXIMUM_EVENT_BYTES = 16 * 2**20

UNFRAMED = "unframed"
"""The name of an event made of lines that are no field: JSON, or a page."""

_ERROR = b"error:"
_FIELDS = (b":", b"data:", b"id:", b"retry:", b"event:")
_UNFRAMED_STARTS = (b"{", b"[", b"<")
_BOM = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """One event with data; ``name`` is the field ``event``, empty if there is none."""

    name: str
    data: str


class SseParser:
    """Parses one stream in linear time, also if a line arrives in many pieces.

    ``feed`` raises ``ModelError`` for an event larger than ``maximum_event_bytes``; the events
    before it stay available through ``take``.
    """

    def __init__(self, maximum_event_bytes: int = MAXIMUM_EVENT_BYTES) -> None:
        self._maximum_event_bytes = maximum_event_bytes
        self._events: list[ServerSentEvent] = []
        self._line_pieces: list[bytes] = []
        self._data: list[bytes] = []
        self._unframed: list[bytes] = []
        self._name = b""
        self._line_bytes = 0
        self._data_bytes = 0
        self._after_cr = False
        self._at_start = True

    def take(self) -> list[ServerSentEvent]:
        """Return the events completed since the last call, in order."""
        events, self._events = self._events, []
        return events

    def feed(self, data: bytes) -> None:
        """Parse a piece of the body."""
        # A line may end in CR LF, and the two may arrive in different pieces.
        if self._after_cr and data:
            self._after_cr = False
            if data.startswith(b"\n"):
                data = data[1:]
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        head, *lines = data.split(b"\n")
        if lines:
            self._line(b"".join((*self._line_pieces, head)))
            tail = lines.pop()
            for line in lines:
                self._line(line)
            self._line_pieces = [tail]
            self._line_bytes = len(tail)
        else:
            self._line_pieces.append(head)
            self._line_bytes += len(head)
        if self._line_bytes + self._data_bytes > self._maximum_event_bytes:
            raise ModelError(
                f"the server sent an event of more than {self._maximum_event_bytes} bytes",
                "what came before is kept",
                fault=Fault.BAD_RESPONSE,
            )

    def finish(self) -> None:
        """Complete the event that was under way: the body is over."""
        self._line(b"".join(self._line_pieces))
        self._line_pieces = []
        self._line(b"")

    def _line(self, line: bytes) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if self._unframed and (not line or line.startswith(_FIELDS)):
            self._dispatch_unframed()
        if line.startswith(b"data:"):
            value = line[5:]
            self._data.append(value[1:] if value.startswith(b" ") else value)
            self._data_bytes += len(line)
        elif not line:
            self._dispatch()
        elif line.startswith(b"event:"):
            self._name = line[6:].removeprefix(b" ")
        elif line == b"data" and not self._unframed:
            self._data.append(b"")
            self._data_bytes += len(line)
        elif line.startswith(_ERROR):
            self._dispatch()
            self._add_event("error", line[len(_ERROR) :])
        # Inside an event, the lines of JSON in several lines could lack their field's name.
        elif self._unframed or (
            line.startswith((b'{"', b"[{") if self._data else _UNFRAMED_STARTS)
        ):
            self._unframed.append(line)
            self._data_bytes += len(line)

    def _dispatch_unframed(self) -> None:
        lines, self._unframed = self._unframed, []
        self._dispatch()
        self._add_event(UNFRAMED, b"\n".join(lines))

    def _add_event(self, name: str, data: bytes) -> None:
        self._events.append(ServerSentEvent(name, data.decode("utf-8", "replace")))

    def _dispatch(self) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            name = self._name.decode("utf-8", "replace") if self._name else ""
            self._add_event(name, data)
            self._data = []
        self._name = b""
        self._data_bytes = 0
