"""What arrives from a terminal, told apart: keys, pastes, and the terminal's own replies."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = [
    "InputSplitter",
    "Key",
    "Paste",
    "Piece",
    "Reply",
    "Typed",
    "type_ahead",
    "with_single_line_ends",
]

PASTE_START = "\x1b[200~"
PASTE_END = "\x1b[201~"

_BREAKOUT_S = 0.05
_CUT_REPLY_S = _CUT_KEY_S = 1.0
_STUCK_PASTE_S = 1.0
_LONGEST_REPLY = 8192
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
# The rest of a colour, of attributes: what follows if the reply was cut after its first character
# (which then was an Escape), or came on after a long pause.
_LATE_COLOUR = re.compile(r"[0-9a-fA-Frgb:/#?;]*(?:\x07|\x1b\\)")
_BEHEADED = re.compile(r"\x1b(?:\][0-9]+;(?:rgba?:|#)|\[\?[0-9;]*c)")
# The rest of a key whose Escape came a pause before it; a person's "[D" comes in two reads.
_BEHEADED_KEY = re.compile(r"\x1b{1,2}(?:\[(?:\[|[0-9;:]+[@-Z^~u$]|[A-FHZ])|O[0-9]*[A-FHMP-S])")
_STRING_PART = re.compile(r"\x1b(?:\][0-9]|P[>!0-9]|_G)")
_CERTAIN_PART = re.compile(rf"{_STRING_PART.pattern}|\x1b{{1,2}}[\[O][<=>?0-9]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_FEEDS = re.compile(r"\n+")
_FEWEST_DOUBLED = 3


@dataclass(frozen=True, slots=True)
class Typed:
    """Text, control characters, and Escapes by themselves or before a character (Alt)."""

    text: str


@dataclass(frozen=True, slots=True)
class Key:
    """One key's control sequence, whole, with an Escape before it for Alt in some terminals."""

    sequence: str


@dataclass(frozen=True, slots=True)
class Paste:
    """Text that is inserted whatever it contains."""

    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the terminal says of itself: colours, focus, attributes, the cursor's place."""

    text: str


Piece = Typed | Key | Paste | Reply


class InputSplitter:
    """Cuts input into pieces; any cut of the input into reads gives the same pieces.

    ``is_key`` knows the control sequences that are keys; all others are told as replies, keys that
    nothing knows among them. An Enter within 50 ms of a paste's end is believed once; what follows
    without a pause is inserted, not obeyed: it may be the rest of a paste that contained the end
    mark itself.
    """

    def __init__(self, is_key: Callable[[str], bool]) -> None:
        self._is_key = is_key
        self._held = ""
        self._held_s = 0.0
        self._given = ""
        self._paste: list[str] | None = None
        self._paste_tail = ""
        self._seen_s = 0.0
        self._paste_end_s = float("-inf")
        self._guard_s = float("-inf")

    @property
    def is_holding(self) -> bool:
        """Whether a pause would make a key of what has arrived."""
        return bool(self._held)

    def feed(self, text: str, now_s: float) -> list[Piece]:
        """Take a read's text, and return what is complete."""
        if self._held and _STRING_PART.match(self._held) and now_s - self._held_s > _CUT_REPLY_S:
            self._held = ""
            text = _LATE_COLOUR.sub("", text, count=1) if _LATE_COLOUR.match(text) else text
        elif self._given and self._is_beheaded(text, now_s):
            text = self._given + text
        self._given = ""
        is_stuck = self._paste is not None and now_s - self._seen_s > _STUCK_PASTE_S
        self._seen_s = now_s
        pieces: list[Piece] = []
        if is_stuck and text.startswith(_CTRL_C):
            pieces += self._end_paste(self._paste_tail, now_s)
        rest = text
        while rest:
            if self._paste is not None:
                rest = self._in_paste(rest, pieces, now_s)
            else:
                rest = self._outside(rest, pieces, now_s)
        return _joined(pieces)

    def flush(self) -> list[Piece]:
        """Say that nothing followed for a while: a lone Escape is a key."""
        held = self._held
        if not held or _CERTAIN_PART.match(held):
            return []
        self._held = ""
        self._given = held
        return [Typed(held)]

    def _is_beheaded(self, text: str, now_s: float) -> bool:
        whole = self._given + text
        is_soon = now_s - self._seen_s < _CUT_KEY_S
        return bool(_BEHEADED.match(whole) or (is_soon and _BEHEADED_KEY.match(whole)))

    def _outside(self, text: str, pieces: list[Piece], now_s: float) -> str:
        text, self._held = self._held + text, ""
        position = 0
        while (found := text.find("\x1b", position)) >= 0:
            pieces += self._typed(text[position:found], now_s)
            if whole := _WHOLE.match(text, found):
                position = whole.end()
                if whole[0].endswith(PASTE_START):
                    pieces += self._typed(whole[0].removesuffix(PASTE_START), now_s)
                    self._paste, self._paste_tail = [], ""
                    return text[position:]
                pieces += self._sequence(whole[0], now_s)
            elif len(text) - found < _LONGEST_REPLY and _PART.match(text, found):
                self._held, self._held_s = text[found:], now_s
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
            return [] if now_s < self._guard_s else [Key(sequence)]
        # An Escape before a report was a key by itself.
        is_escape = unmodified != sequence and _REPORT.match(unmodified)
        return [*(self._typed("\x1b", now_s) if is_escape else ()), Reply(unmodified)]

    def _in_paste(self, text: str, pieces: list[Piece], now_s: float) -> str:
        assert self._paste is not None
        data = self._paste_tail + text
        end = data.find(PASTE_END)
        if end < 0:
            keep = len(PASTE_END) - 1
            self._paste.append(data[:-keep])
            self._paste_tail = data[-keep:]
            return ""
        pieces += self._end_paste(data[:end], now_s)
        return data[end + len(PASTE_END) :]

    def _end_paste(self, last: str, now_s: float) -> list[Piece]:
        body = "".join([*(self._paste or []), last])
        self._paste, self._paste_tail = None, ""
        self._paste_end_s = now_s
        return [Paste(body)]

    def _typed(self, text: str, now_s: float) -> list[Piece]:
        if not text:
            return []
        if now_s < self._guard_s:
            return self._guarded(text, now_s)
        if now_s - self._paste_end_s < _BREAKOUT_S and (enter := _LINE_END.search(text)):
            self._guard_s = now_s + _BREAKOUT_S
            return [Typed(text[: enter.end()]), *self._guarded(text[enter.end() :], now_s)]
        return [Typed(text)]

    def _guarded(self, text: str, now_s: float) -> list[Piece]:
        self._guard_s = now_s + _BREAKOUT_S
        if _CTRL_C in text:
            return [Typed(_CTRL_C)]
        kept = _CONTROLS.sub("", _LINE_END.sub("\n", text))
        return [Paste(kept)] if kept else []


def type_ahead(text: str) -> list[str]:
    """Decide what text means that arrived before the prompt: a list of inputs to feed.

    Bracketed pastes stay what they are. Other text is as typed if it has no line end, or just one
    at its very end; with more it can only be a paste that the terminal did not bracket.
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
    """Make one line end of the two that the system's line mode makes of a carriage return and feed.

    It had the text's first ``before`` characters. A text has such line ends if all are doubled
    there; text in which only few are is more likely to have empty lines.
    """
    early, late = text[:before], text[before:]
    if late.startswith("\n"):
        early, late = early + "\n", late[1:]
    runs = [len(run) for run in _LINE_FEEDS.findall(early)]
    if len(runs) < _FEWEST_DOUBLED or any(run % 2 for run in runs):
        return text
    return _LINE_FEEDS.sub(lambda run: run[0][::2], early) + late


def _with_enter(text: str) -> str:
    return text.rstrip("\r\n") + "\r"


def _unbracketed(text: str) -> Iterator[tuple[str, bool]]:
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
