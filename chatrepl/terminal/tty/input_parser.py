"""Parsing of a terminal's input into text, keys, pastes and replies."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PASTE_START = "\x1b[200~"
PASTE_END = "\x1b[201~"

_BREAKOUT_S = 0.05
_CUT_REPLY_S = _CUT_KEY_S = 1.0
_STUCK_PASTE_S = 1.0
_MAX_REPLY_CHARS = 8192
_CTRL_C = "\x03"

# Keys and replies: control sequences (rxvt ends some by a dollar sign, the Linux console puts two
# brackets) and SS3 sequences, with one more Escape before them for Alt; strings (operating system,
# device, application) that carry a reply.
_CONTROL = r"\x1b\[(?:\[[A-E]|[0-9]+\$|[<=>?]?[0-9;:]*[ -/]*[@-Z\\-~])"
_SS3 = r"\x1bO(?:[A-FHMP-Sa-d]|[0-9][0-9;]*[A-Za-z])"
_WHOLE = re.compile(
    rf"\x1b?(?:{_CONTROL}|{_SS3})"
    r"|\x1b\][0-9]+;[^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1bP[>!0-9][^\x1b]*\x1b\\"
    r"|\x1b_G[^\x1b]*\x1b\\"
)
_PART = re.compile(
    r"\x1b(?:\x1b?(?:\[(?:\[|[<=>?]?[0-9;:]*[ -/]*)?|O(?:[0-9][0-9;]*)?)?"
    r"|\](?:[0-9]+(?:;[^\x07\x1b]*\x1b?)?)?"
    r"|P(?:[>!0-9][^\x1b]*\x1b?)?"
    r"|_(?:G[^\x1b]*\x1b?)?"
    r")?\Z"
)
# Control sequences that terminals send unasked or as answers, never for a key.
_REPORT = re.compile(r"\x1b\[(?:[<=>?]|[0-9;]*[IORcnty]\Z)")
# The rest of a colour reply that came after a long pause.
_REST_OF_COLOUR = re.compile(r"[0-9a-fA-Frgb:/#?;]*(?:\x07|\x1b\\)")
# A reply for a colour or for attributes whose first character was taken for an Escape.
_BEHEADED_REPLY = re.compile(r"\x1b(?:\][0-9]+;(?:rgba?:|#)|\[\?[0-9;]*c)")
# A key whose Escape came a pause before the rest; a person's "[D" comes in two reads.
_BEHEADED_KEY = re.compile(r"\x1b{1,2}(?:\[(?:\[|[0-9;:]+[@-Z^~u$]|[A-FHZ])|O[0-9]*[A-FHMP-S])")
_STRING_PART = re.compile(r"\x1b(?:\][0-9]|P[>!0-9]|_G)")
_CERTAIN_PART = re.compile(rf"{_STRING_PART.pattern}|\x1b{{1,2}}[\[O][<=>?0-9]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_FEEDS = re.compile(r"\n+")
_MIN_DOUBLED = 3


@dataclass(frozen=True, slots=True)
class Typed:
    """Typed text, control characters, and Escapes by themselves or before a character (Alt)."""

    text: str


@dataclass(frozen=True, slots=True)
class Key:
    """Key that is a whole control sequence, with an Escape before it for Alt in some terminals."""

    sequence: str


@dataclass(frozen=True, slots=True)
class Paste:
    """Pasted text, inserted whatever it contains."""

    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply or report of the terminal: colours, focus, attributes, the cursor's place."""

    text: str


Piece = Typed | Key | Paste | Reply


class InputSplitter:
    """Splitter of input into pieces, which are the same for any cut of the input into reads.

    ``is_key`` returns whether a control sequence is a known key; all others are replies, unknown
    keys among them. Text that follows an Enter within 50 ms of a paste's end is inserted as a paste
    itself: it may be the rest of a paste that contained the end mark.
    """

    def __init__(self, is_key: Callable[[str], bool]) -> None:
        self._is_key = is_key
        self._partial = ""
        """Begin of a sequence whose end has not arrived."""
        self._partial_s = 0.0
        self._flushed = ""
        """Begin of a sequence that a pause made a key, until the next read shows more."""
        self._paste: list[str] | None = None
        """Parts of the paste that is arriving; None: there is none."""
        self._paste_rest = ""
        """Last characters of it, which may begin its end mark."""
        self._read_s = 0.0
        self._paste_end_s = float("-inf")
        self._guarded_until_s = float("-inf")

    @property
    def is_incomplete(self) -> bool:
        """True while a pause would make a key of what has arrived."""
        return bool(self._partial)

    def feed(self, text: str, now_s: float) -> list[Piece]:
        """Take a read's text and return the complete pieces."""
        is_overdue = now_s - self._partial_s > _CUT_REPLY_S
        if is_overdue and _STRING_PART.match(self._partial):
            self._partial = ""
            text = _REST_OF_COLOUR.sub("", text, count=1) if _REST_OF_COLOUR.match(text) else text
        elif self._flushed and self._is_beheaded(text, now_s):
            text = self._flushed + text
        self._flushed = ""
        is_stuck = self._paste is not None and now_s - self._read_s > _STUCK_PASTE_S
        self._read_s = now_s
        pieces: list[Piece] = []
        if is_stuck and text.startswith(_CTRL_C):
            pieces += self._end_paste(self._paste_rest, now_s)
        rest = text
        while rest:
            if self._paste is not None:
                rest = self._in_paste(rest, pieces, now_s)
            else:
                rest = self._outside(rest, pieces, now_s)
        return _joined(pieces)

    def flush(self) -> list[Piece]:
        """Return the pieces that a pause makes certain: a lone Escape is a key."""
        partial = self._partial
        if not partial or _CERTAIN_PART.match(partial):
            return []
        self._partial = ""
        self._flushed = partial
        return [Typed(partial)]

    def _is_beheaded(self, text: str, now_s: float) -> bool:
        """Return whether a read goes on with a sequence whose begin was flushed."""
        whole = self._flushed + text
        is_soon = now_s - self._read_s < _CUT_KEY_S
        return bool(_BEHEADED_REPLY.match(whole) or (is_soon and _BEHEADED_KEY.match(whole)))

    def _outside(self, text: str, pieces: list[Piece], now_s: float) -> str:
        """Split text up to the next paste; return the rest."""
        text, self._partial = self._partial + text, ""
        position = 0
        while (found := text.find("\x1b", position)) >= 0:
            pieces += self._typed(text[position:found], now_s)
            if whole := _WHOLE.match(text, found):
                position = whole.end()
                if whole[0].endswith(PASTE_START):
                    pieces += self._typed(whole[0].removesuffix(PASTE_START), now_s)
                    self._paste, self._paste_rest = [], ""
                    return text[position:]
                pieces += self._sequence(whole[0], now_s)
            elif len(text) - found < _MAX_REPLY_CHARS and _PART.match(text, found):
                self._partial, self._partial_s = text[found:], now_s
                return ""
            else:
                position = found + 1
                pieces += self._typed("\x1b", now_s)
        pieces += self._typed(text[position:], now_s)
        return ""

    def _sequence(self, sequence: str, now_s: float) -> list[Piece]:
        unmodified = sequence[sequence.startswith("\x1b\x1b") :]
        if unmodified == PASTE_END:
            return []
        if not _REPORT.match(unmodified) and self._is_key(unmodified):
            return [] if now_s < self._guarded_until_s else [Key(sequence)]
        # An Escape before a report was a key by itself.
        is_escape = unmodified != sequence and _REPORT.match(unmodified)
        return [*(self._typed("\x1b", now_s) if is_escape else ()), Reply(unmodified)]

    def _in_paste(self, text: str, pieces: list[Piece], now_s: float) -> str:
        """Take a paste's text up to its end; return the rest."""
        assert self._paste is not None
        data = self._paste_rest + text
        end = data.find(PASTE_END)
        if end < 0:
            keep = len(PASTE_END) - 1
            self._paste.append(data[:-keep])
            self._paste_rest = data[-keep:]
            return ""
        pieces += self._end_paste(data[:end], now_s)
        return data[end + len(PASTE_END) :]

    def _end_paste(self, last: str, now_s: float) -> list[Piece]:
        body = "".join([*(self._paste or []), last])
        self._paste, self._paste_rest = None, ""
        self._paste_end_s = now_s
        return [Paste(body)]

    def _typed(self, text: str, now_s: float) -> list[Piece]:
        if not text:
            return []
        if now_s < self._guarded_until_s:
            return self._guarded(text, now_s)
        if now_s - self._paste_end_s < _BREAKOUT_S and (enter := _LINE_END.search(text)):
            self._guarded_until_s = now_s + _BREAKOUT_S
            return [Typed(text[: enter.end()]), *self._guarded(text[enter.end() :], now_s)]
        return [Typed(text)]

    def _guarded(self, text: str, now_s: float) -> list[Piece]:
        """Make a paste of text that a person cannot have typed so fast; Ctrl+C gets through."""
        self._guarded_until_s = now_s + _BREAKOUT_S
        if _CTRL_C in text:
            return [Typed(_CTRL_C)]
        plain = _CONTROLS.sub("", _LINE_END.sub("\n", text))
        return [Paste(plain)] if plain else []


def type_ahead(text: str) -> list[str]:
    """Return the inputs to feed for text that arrived before the prompt.

    Bracketed pastes stay. Other text was typed if it has no line end, or one at its very end; with
    more it can only be a paste that the terminal did not bracket.
    """
    parts = list(_unbracketed(text))
    typed = "".join(part for part, is_paste in parts if not is_paste)
    line_ends = len(_LINE_END.findall(typed))
    last = parts[-1] if parts else ("", False)
    ends_by_enter = not last[1] and last[0].endswith(("\r", "\n"))
    if line_ends == 0:
        return [text]
    if line_ends == 1 and ends_by_enter:
        return [_LINE_END.sub("\r", text) if PASTE_START not in text else _with_enter(text)]
    body = "".join(part for part, _ in parts)
    return [PASTE_START + body.rstrip("\r\n") + PASTE_END]


def with_single_line_ends(text: str, before: int) -> str:
    """Undo the doubling of line ends by the system's line mode, which turns CR LF into LF LF.

    The text's first ``before`` characters went through it. They are mended if all their line ends
    are doubled, and there are a few; otherwise some lines are more likely to be empty.
    """
    cooked, raw = text[:before], text[before:]
    if raw.startswith("\n"):
        cooked, raw = cooked + "\n", raw[1:]
    runs = [len(run) for run in _LINE_FEEDS.findall(cooked)]
    if len(runs) < _MIN_DOUBLED or any(run % 2 for run in runs):
        return text
    return _LINE_FEEDS.sub(lambda run: run[0][::2], cooked) + raw


def _with_enter(text: str) -> str:
    return text.rstrip("\r\n") + "\r"


def _unbracketed(text: str) -> Iterator[tuple[str, bool]]:
    """Yield parts without their marks, with True for a bracketed paste."""
    rest = text
    while rest:
        before, start, rest = rest.partition(PASTE_START)
        if before:
            yield before, False
        if start:
            body, _, rest = rest.partition(PASTE_END)
            yield body, True


def _joined(pieces: list[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if isinstance(piece, Typed) and isinstance(last, Typed):
            joined[-1] = Typed(last.text + piece.text)
        else:
            joined.append(piece)
    return joined
