"""Find LaTeX in text, with care for dollars that are money, and draw it as Unicode."""

import re

from chatrepl.terminal.draw.layout.spans import Span, span
from chatrepl.terminal.draw.markdown.inline_syntax import NOTHING, WAIT, Answer, Found
from chatrepl.terminal.draw.markdown.math import latex_to_unicode

__all__ = ["math_span", "math_spans"]

_SINGLE = re.compile(r"\$((?:\\.|[^$\n`\\]){1,300})\$")
_SINGLE_BEGINNING = re.compile(r"\$(?:\\.|[^$\n`\\]){0,300}\\?")
_DOUBLE = re.compile(r"\$\$((?:\\.|[^$`\\])+)\$\$", re.DOTALL)
_DOUBLE_BEGINNING = re.compile(r"\$\$(?:\\.|[^$`\\])*[\\$]?", re.DOTALL)
_SIGN = re.compile(r"\\[A-Za-z]|[\^_=<>]| [+\-*/] ")
_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{3,}")


def math_span(window: str, before: str, *, is_whole: bool) -> Answer:
    r"""Match LaTeX between ``$``, ``$$``, ``\(`` and ``\)``, or ``\[`` and ``\]``."""
    if window.startswith("\\"):
        return _bracketed(window, is_whole=is_whole)
    if len(window) == 1 and not is_whole:
        return WAIT
    if window.startswith("$$"):
        if match := _DOUBLE.match(window):
            return Found(len(match[0]), math_spans(match[1], match[0]))
        return WAIT if not is_whole and _DOUBLE_BEGINNING.fullmatch(window) else NOTHING
    if before.isalnum() or before == "$" or window[1:2].isspace():
        return NOTHING
    return _between_dollars(window, is_whole=is_whole)


def _bracketed(window: str, *, is_whole: bool) -> Answer:
    end = window.find("\\)" if window[1] == "(" else "\\]", 2)
    if end < 0:
        return NOTHING if is_whole else WAIT
    content = window[2:end].strip()
    is_escape = window[1] == "[" and not _SIGN.search(content)
    if is_escape or not _is_math(content):
        return NOTHING
    return Found(end + 2, math_spans(content, window[: end + 2]))


def _between_dollars(window: str, *, is_whole: bool) -> Answer:
    match = _SINGLE.match(window)
    if match is None:
        return WAIT if not is_whole and _SINGLE_BEGINNING.fullmatch(window) else NOTHING
    if match.end() == len(window) and not is_whole:
        return WAIT
    content, after = match[1], window[match.end() : match.end() + 1]
    if content[-1].isspace() or after.isalnum() or after == "$" or not _is_math(content):
        return NOTHING
    return Found(len(match[0]), math_spans(content, match[0]))


def _is_math(content: str) -> bool:
    """Tell a formula from prose and prices: it has a sign of mathematics, or is one short term."""
    if "\\" not in content and _WORD.search(content):
        return False
    return bool(_SIGN.search(content)) or (bool(content) and " " not in content)


def math_spans(content: str, source: str) -> list[Span]:
    """Draw a formula as Unicode, or as written where Unicode could not say the same."""
    drawn = latex_to_unicode(" ".join(content.split()))
    return [span(source if drawn is None else drawn, "math")]
