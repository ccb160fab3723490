"""What may begin inside a line of Markdown: code spans, tags, entities, escapes, bare addresses.

Each rule looks at a window: the text from where a construct may begin, at most ``REACH`` characters
of it. ``is_whole`` says that no more text will come into the window. A rule answers with a
construct (its length and its spans), with ``NOTHING`` if none begins here whatever follows, or with
``WAIT`` if that depends on text that has not come. So its answer depends on the text alone, never
on how it was cut.
"""

import re
from dataclasses import dataclass, field
from html.entities import html5
from typing import Final

from chatrepl.core.text.terminal_safe import safe_text
from chatrepl.terminal.draw.layout.spans import Span, span
from chatrepl.terminal.draw.layout.style import ColorDepth, DrawStyle

__all__ = [
    "NOTHING",
    "REACH",
    "WAIT",
    "Answer",
    "Found",
    "Nothing",
    "Wait",
    "autolink_or_tag",
    "backtick_end",
    "bare_address",
    "code_span",
    "entity",
    "unescaped",
]

REACH = 1000
"""No inline construct is longer than this, in characters; what is longer is shown as written."""

_MOST_RUNS = 64
"""A code span holds at most this many runs of backticks: keeps the search for its end bounded."""


@dataclass(frozen=True, slots=True)
class Found:
    """A construct: how many characters of the window it takes, and how it is drawn."""

    length: int
    spans: list[Span] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Nothing:
    """No construct begins here."""


@dataclass(frozen=True, slots=True)
class Wait:
    """More text is needed to tell."""


NOTHING: Final = Nothing()
WAIT: Final = Wait()
Answer = Found | Nothing | Wait

_BACKTICKS = re.compile(r"`+")


def backtick_end(window: str, start: int, *, is_whole: bool) -> tuple[int, int] | Nothing | Wait:
    """Find where the code span that begins at ``start`` has its content's end and its own end."""
    opening = _BACKTICKS.match(window, start)
    assert opening is not None
    length = len(opening[0])
    if opening.end() == len(window):
        return NOTHING if is_whole else WAIT
    for count, closing in enumerate(_BACKTICKS.finditer(window, opening.end())):
        if count == _MOST_RUNS:
            return NOTHING
        if closing.end() == len(window) and not is_whole:
            return WAIT
        if len(closing[0]) == length:
            return closing.start(), closing.end()
    return NOTHING if is_whole else WAIT


def code_span(window: str, style: DrawStyle, *, is_whole: bool) -> Answer:
    """Match a code span; a run of backticks without its like is text, as a whole."""
    end = backtick_end(window, 0, is_whole=is_whole)
    ticks = len(window) - len(window.lstrip("`"))
    match end:
        case Wait():
            return WAIT
        case Nothing():
            return Found(ticks, [span(window[:ticks])])
        case (content_end, length):
            content = window[ticks:content_end].replace("\n", " ")
            if content[0] == content[-1] == " " and content.strip():
                content = content[1:-1]
            if style.colors is ColorDepth.NONE:
                content = window[:ticks] + content + window[:ticks]
            return Found(length, [span(content, "code")])


_ATTRIBUTE = r"""\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:[^\s"'=<>`]+|'[^'<]*'|"[^"<]*"))?"""
_TAG = re.compile(
    rf"<(?:[A-Za-z][A-Za-z0-9-]*(?:{_ATTRIBUTE})*\s*/?|/[A-Za-z][A-Za-z0-9-]*\s*)>"
    r"|<!--.*?-->|<\?.*?\?>|<![A-Za-z][^<>]*>",
    re.DOTALL,
)
_TAG_BEGINNING = re.compile(
    rf"<(?:/?|/[A-Za-z][A-Za-z0-9-]*\s*|[A-Za-z][A-Za-z0-9-]*(?:{_ATTRIBUTE})*\s*"
    r"(?:/|[A-Za-z_:][\w.:-]*\s*(?:=\s*(?:'[^'<]*'?|\"[^\"<]*\"?|[^\s\"'=<>`]*))?)?"
    r"|!-?|!--.*|\?.*|![A-Za-z][^<>]*)",
    re.DOTALL,
)
_ADDRESS = re.compile(
    r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*|[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9.-]+)>", re.ASCII
)
_ADDRESS_BEGINNING = re.compile(
    r"<(?:[A-Za-z][A-Za-z0-9+.-]{0,31}(?::[^\s<>]*)?|[\w.!#$%&'*+/=?^`{|}~-]+(?:@[A-Za-z0-9.-]*)?)",
    re.ASCII,
)


def autolink_or_tag(window: str, *, is_whole: bool) -> tuple[str, str] | Nothing | Wait:
    """Match ``<address>``, which is returned bare, or a tag or comment, returned as written.

    Returns the text to show and the text that was matched.
    """
    if address := _ADDRESS.match(window):
        return address[1], address[0]
    if tag := _TAG.match(window):
        return tag[0], tag[0]
    if is_whole:
        return NOTHING
    may_go_on = _TAG_BEGINNING.fullmatch(window) or _ADDRESS_BEGINNING.fullmatch(window)
    return WAIT if may_go_on else NOTHING


_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
_ENTITY_BEGINNING = re.compile(r"&(?:#[0-9]{0,7}|#[xX][0-9a-fA-F]{0,6}|[A-Za-z][A-Za-z0-9]{0,31})?")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def entity(window: str, before: str, *, is_whole: bool) -> Answer:
    """Match a character reference; what it stands for is made safe as all text is."""
    if match := _ENTITY.match(window):
        text = _decoded(match)
        return NOTHING if text is None else Found(len(match[0]), [span(_one_line(text, before))])
    return WAIT if not is_whole and _ENTITY_BEGINNING.fullmatch(window) else NOTHING


def _decoded(match: re.Match[str]) -> str | None:
    decimal, hexadecimal, name = match.groups()
    if name:
        return html5.get(f"{name};")
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if 0 < code < 0x110000 else "\ufffd"


def _one_line(text: str, before: str) -> str:
    return safe_text(text, before=before).replace("\n", " ").replace("\t", " ")


def unescaped(text: str) -> str:
    """Resolve backslash escapes and character references, as in an address or a title."""
    without = _ESCAPE.sub(lambda match: f"&#{ord(match[1])};", text)
    decoded = _ENTITY.sub(lambda match: _decoded(match) or match[0], without)
    return _one_line(decoded, "")


_PAIRS = {")": "(", "]": "["}
_BARE = re.compile(r"https?://[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%\[\]]+")


def bare_address(window: str, *, is_whole: bool) -> int | Wait:
    """Return how long the bare ``http(s)://`` address is that the window begins with; 0: none."""
    match = _BARE.match(window)
    if match is None:
        return WAIT if not is_whole and len(window) <= len("https://") else 0
    if match.end() == len(window) and not is_whole:
        return WAIT
    return len(_without_closing(match[0]))


def _without_closing(address: str) -> str:
    """Leave out punctuation that ends the sentence, and brackets that were opened before it."""
    while address[-1] in "?!.,:;*_~'" or _closes_what_is_outside(address):
        address = address[:-1]
    return address


def _closes_what_is_outside(address: str) -> bool:
    last = address[-1]
    return last in _PAIRS and address.count(last) > address.count(_PAIRS[last])
