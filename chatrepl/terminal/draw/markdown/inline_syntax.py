"""Inline constructs of Markdown: code spans, tags, entities, escapes, bare addresses.

Each rule looks at a window: the text from where a construct may begin, at most ``LOOKAHEAD_CHARS``
of it. ``is_whole`` says that no more text will come into the window. A rule returns a construct
(its length and its spans), ``NO_MATCH`` if none begins here whatever follows, or ``WAIT`` if that
depends on text that has not come. So the result depends on the text alone, never on how it was
cut. The patterns named ``…_PREFIX`` match every beginning of a construct that is still open.
"""

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from html.entities import html5
from typing import Final

from chatrepl.core.text.terminal_safe import safe_text
from chatrepl.terminal.draw.layout.spans import Line, span
from chatrepl.terminal.draw.layout.style import DrawStyle

LOOKAHEAD_CHARS = 1000
"""The longest inline construct; longer ones are shown as written."""

_MAX_RUNS = 64
"""Runs of backticks in a code span: bounds the search for its end, which else were quadratic."""


@dataclass(frozen=True, slots=True)
class Construct:
    """A recognised construct: its length in characters of the window, and its spans."""

    length: int
    spans: Line = field(default_factory=list)


class Mismatch(Enum):
    """The reasons why a rule returns no construct."""

    NO_MATCH = auto()
    """No construct begins here."""
    WAIT = auto()
    """More text is needed to decide."""


NO_MATCH: Final = Mismatch.NO_MATCH
WAIT: Final = Mismatch.WAIT
MatchResult = Construct | Mismatch

_BACKTICKS = re.compile(r"`+")


def backtick_end(window: str, start: int, *, is_whole: bool) -> tuple[int, int] | Mismatch:
    """Find the end of a code span's content, and of the span that begins at ``start``.

    A run of backticks is closed by the next one of the same length (CommonMark 6.1).
    """
    opening = _BACKTICKS.match(window, start)
    assert opening is not None
    length = len(opening[0])
    if opening.end() == len(window):
        return NO_MATCH if is_whole else WAIT
    for count, closing in enumerate(_BACKTICKS.finditer(window, opening.end())):
        if count == _MAX_RUNS:
            return NO_MATCH
        # A run at the window's end may still become longer.
        if closing.end() == len(window) and not is_whole:
            return WAIT
        if len(closing[0]) == length:
            return closing.start(), closing.end()
    return NO_MATCH if is_whole else WAIT


def code_span(window: str, style: DrawStyle, *, is_whole: bool) -> MatchResult:
    """Match a code span; a run of backticks without a counterpart is text, as a whole."""
    end = backtick_end(window, 0, is_whole=is_whole)
    if end is WAIT:
        return WAIT
    ticks = len(window) - len(window.lstrip("`"))
    if isinstance(end, Mismatch):
        return Construct(ticks, [span(window[:ticks])])
    content_end, length = end
    content = window[ticks:content_end].replace("\n", " ")
    # One blank on both sides only sets the content apart from backticks in it.
    if content[0] == content[-1] == " " and content.strip():
        content = content[1:-1]
    if not style.has_colors:
        content = window[:ticks] + content + window[:ticks]
    return Construct(length, [span(content, "code")])


_ATTRIBUTE = r"""\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:[^\s"'=<>`]+|'[^'<]*'|"[^"<]*"))?"""
_TAG = re.compile(
    rf"<(?:[A-Za-z][A-Za-z0-9-]*(?:{_ATTRIBUTE})*\s*/?|/[A-Za-z][A-Za-z0-9-]*\s*)>"
    r"|<!--.*?-->|<\?.*?\?>|<![A-Za-z][^<>]*>",
    re.DOTALL,
)
_TAG_PREFIX = re.compile(
    rf"<(?:/?|/[A-Za-z][A-Za-z0-9-]*\s*|[A-Za-z][A-Za-z0-9-]*(?:{_ATTRIBUTE})*\s*"
    r"(?:/|[A-Za-z_:][\w.:-]*\s*(?:=\s*(?:'[^'<]*'?|\"[^\"<]*\"?|[^\s\"'=<>`]*))?)?"
    r"|!-?|!--.*|\?.*|![A-Za-z][^<>]*)",
    re.DOTALL,
)
_ADDRESS = re.compile(
    r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*|[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9.-]+)>", re.ASCII
)
_ADDRESS_PREFIX = re.compile(
    r"<(?:[A-Za-z][A-Za-z0-9+.-]{0,31}(?::[^\s<>]*)?|[\w.!#$%&'*+/=?^`{|}~-]+(?:@[A-Za-z0-9.-]*)?)",
    re.ASCII,
)


def autolink_or_tag(window: str, *, is_whole: bool) -> tuple[str, str] | Mismatch:
    """Match an autolink (CommonMark 6.5) or raw HTML (6.6): a tag, a comment, a declaration.

    Returns the text to show and the text that was matched: HTML is shown as written, the address
    of an autolink without its angle brackets.
    """
    if address := _ADDRESS.match(window):
        return address[1], address[0]
    if tag := _TAG.match(window):
        return tag[0], tag[0]
    if is_whole:
        return NO_MATCH
    is_prefix = _TAG_PREFIX.fullmatch(window) or _ADDRESS_PREFIX.fullmatch(window)
    return WAIT if is_prefix else NO_MATCH


_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
_ENTITY_PREFIX = re.compile(r"&(?:#[0-9]{0,7}|#[xX][0-9a-fA-F]{0,6}|[A-Za-z][A-Za-z0-9]{0,31})?")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def entity(window: str, before: str, *, is_whole: bool) -> MatchResult:
    """Match a character reference (CommonMark 2.5).

    Its character is made safe: a reference must not smuggle in what the text itself may not hold.
    ``before`` is the character in front of the window.
    """
    if match := _ENTITY.match(window):
        text = _decoded(match)
        if text is None:
            return NO_MATCH
        return Construct(len(match[0]), [span(_one_line(text, before))])
    return WAIT if not is_whole and _ENTITY_PREFIX.fullmatch(window) else NO_MATCH


def _decoded(match: re.Match[str]) -> str | None:
    decimal, hexadecimal, name = match.groups()
    if name:
        return html5.get(f"{name};")
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if 0 < code < 0x110000 else "\ufffd"


def _one_line(text: str, before: str) -> str:
    return safe_text(text, before=before).replace("\n", " ").replace("\t", " ")


def unescaped(text: str) -> str:
    """Decode backslash escapes and character references, as in an address or a title."""
    without = _ESCAPE.sub(lambda match: f"&#{ord(match[1])};", text)
    decoded = _ENTITY.sub(lambda match: _decoded(match) or match[0], without)
    return _one_line(decoded, "")


_PAIRS = {")": "(", "]": "["}
_BARE = re.compile(r"https?://[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%\[\]]+")


def bare_address(window: str, *, is_whole: bool) -> int | Mismatch:
    """Return the length of the bare ``http(s)://`` address at the window's beginning (GFM 6.9)."""
    match = _BARE.match(window)
    if match is None:
        return WAIT if not is_whole and len(window) <= len("https://") else NO_MATCH
    if match.end() == len(window) and not is_whole:
        return WAIT
    address = match[0]
    # Punctuation ends the sentence, a closing bracket one that was opened before the address.
    while address[-1] in "?!.,:;*_~'" or _closes_outer_bracket(address):
        address = address[:-1]
    return len(address) if len(address) > len("https://") else NO_MATCH


def _closes_outer_bracket(address: str) -> bool:
    last = address[-1]
    return last in _PAIRS and address.count(last) > address.count(_PAIRS[last])
