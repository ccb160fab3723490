"""Links and images: their syntax, and drawing them with their address.

A link is drawn as its label and its address. Only http, https and mailto become hyperlinks (OSC 8),
where the terminal supports them; then the host stands behind a label that is not the address.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from chatrepl.terminal.draw.layout.spans import Line, plain_text, span
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.markdown.inline_syntax import (
    NO_MATCH,
    WAIT,
    Mismatch,
    backtick_end,
    unescaped,
)

_MAX_DEPTH = 16
_MAX_BRACKETS = 64
"""Brackets and code spans in a label: bounds the search for its end, which every ``[`` begins."""


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """The address and the title of a link, as they are shown."""

    url: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class LinkMatch:
    """A link or image in a window: its whole length, its label and its target."""

    length: int
    label: str
    target: LinkTarget
    is_image: bool


_BRACKET = re.compile(r"\\.|`+|[\[\]]|<[A-Za-z/!?][^<>]*>", re.DOTALL)
_TITLE = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\((?:\\.|[^()\\])*\)"""
_PARENTHESES = r"\((?:\\.|[^\s()\\]|\((?:\\.|[^\s()\\]|\([^\s()]*\))*\))*\)"
_INLINE = re.compile(
    rf"\(\s*(?:<((?:\\.|[^<>\n\\])*)>|((?:\\.|[^\s()<\\]|(?<=[^\s(])<|{_PARENTHESES})*))"
    rf"(?:\s+({_TITLE}))?\s*\)",
    re.DOTALL,
)
_REFERENCE = re.compile(r"\[((?:\\.|[^\[\]\\])*)\]", re.DOTALL)
_DEFINITION = re.compile(
    rf" {{0,3}}\[((?:\\.|[^\[\]\\])+)\]:[ \t]*(?:<([^<>]*)>|([^\s<]\S*))(?:[ \t]+({_TITLE}))?[ \t]*"
)


def normal_label(label: str) -> str:
    """Normalise a label for comparison: case and white space do not count (CommonMark 6.3)."""
    return " ".join(label.split()).casefold()


def link_definition(line: str) -> tuple[str, LinkTarget] | None:
    """Parse ``[label]: address "title"`` (CommonMark 4.7), which must be alone on its line.

    Returns the normalised label and its target.
    """
    match = _DEFINITION.fullmatch(line)
    if match is None or not match[1].strip():
        return None
    return normal_label(match[1]), _target(match[2] or match[3] or "", match[4])


def _target(url: str, title: str | None) -> LinkTarget:
    return LinkTarget(unescaped(url), unescaped(title[1:-1]) if title else "")


def match_link(
    window: str, references: Mapping[str, LinkTarget], *, is_whole: bool
) -> LinkMatch | Mismatch:
    """Match a link or image (CommonMark 6.3, 6.4) that begins with the window's first bracket."""
    is_image = window.startswith("!")
    start = 2 if is_image else 1
    close = _label_end(window, start, is_whole=is_whole)
    if isinstance(close, Mismatch):
        return close
    if close + 1 == len(window) and not is_whole:
        return WAIT
    label = window[start:close]
    rest = window[close + 1 : close + 2]
    match: re.Match[str] | None = None
    if rest == "(":
        if match := _INLINE.match(window, close + 1):
            target = _target(match[1] if match[1] is not None else match[2], match[3])
            return LinkMatch(match.end(), label, target, is_image)
        if not is_whole:
            return WAIT
    elif rest == "[":
        match = _REFERENCE.match(window, close + 1)
        if match is None and not is_whole:
            return WAIT
    # ``[label][reference]``; in ``[label][]`` and ``[label]`` the label is the reference.
    reference = match[1] if match and match[1].strip() else label
    found = references.get(normal_label(reference)) if references else None
    if found is None:
        return NO_MATCH
    return LinkMatch(match.end() if match else close + 1, label, found, is_image)


def _label_end(window: str, start: int, *, is_whole: bool) -> int | Mismatch:
    """Find the bracket that closes a label; code spans and tags bind tighter than brackets."""
    depth, at = 1, start
    for _ in range(_MAX_BRACKETS):
        found = _BRACKET.search(window, at)
        if found is None:
            break
        at = found.end()
        match found[0]:
            case "[":
                depth += 1
            case "]":
                depth -= 1
            case token if token[0] == "`":
                end = backtick_end(window, found.start(), is_whole=is_whole)
                if end is WAIT:
                    return WAIT
                at = at if isinstance(end, Mismatch) else end[1]
        if depth == 0:
            return at - 1
        if depth > _MAX_DEPTH:
            return NO_MATCH
    else:
        return NO_MATCH
    return NO_MATCH if is_whole else WAIT


def draw_link(label: Line, target: LinkTarget, style: DrawStyle, *, is_image: bool = False) -> Line:
    """Draw a link's label and, unless they are the same, its address."""
    text = plain_text(label)
    url = _terminal_link(target.url) if style.hyperlinks else ""
    shown = [(part, ("link", *names), url) for part, names, _ in label]
    if is_image:
        shown = [span("image: ", "link.target"), *shown]
    is_address = text.strip() in (target.url, target.url.removeprefix("mailto:"))
    if not target.url or (is_address and not target.title):
        return shown
    details = [] if is_address else [_host(target.url) if url and not is_image else target.url]
    details += [f'"{target.title}"'] if target.title else []
    return [*shown, span(f"{' ' if text else ''}({' '.join(details)})", "link.target")]


def _host(url: str) -> str:
    """Return the host that an address really names: a name before an ``@`` is not it."""
    parts = urlsplit(url)
    return parts.hostname or parts.path if parts.scheme != "mailto" else parts.path


def _terminal_link(url: str) -> str:
    """Return an address quoted for OSC 8; empty if its scheme must not be opened by a click."""
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return ""
    if not is_web and parts.scheme != "mailto":
        return ""
    return quote(url, safe="!#$%&'()*+,/:;=?@[]~-._")
