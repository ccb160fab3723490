r"""Read the inline Markdown of one paragraph as it comes, and give its spans as they become final.

A scanner walks over the text once. Each construct is recognised where it begins, by the rules of
``inline_rules`` and ``links``, which look at most ``REACH`` characters ahead. Emphasis is matched
by CommonMark's algorithm from the left: a closing run looks back for its opener. An opener is given
up as text when ``REACH`` characters have gone by, so what stands before the oldest opener is final.

Beyond CommonMark: ``~~text~~``; bare ``https://`` addresses; LaTeX between ``$``, ``$$``, ``\(``
and ``\)``, ``\[`` and ``\]``; East Asian characters count as blanks beside an emphasis mark, since
their scripts put none there.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

from chatrepl.terminal.draw.layout.spans import Span, span
from chatrepl.terminal.draw.layout.style import ColorDepth, DrawStyle
from chatrepl.terminal.draw.markdown.inline_syntax import (
    NOTHING,
    REACH,
    WAIT,
    Answer,
    Found,
    Nothing,
    Wait,
    autolink_or_tag,
    bare_address,
    code_span,
    entity,
)
from chatrepl.terminal.draw.markdown.links import LinkTarget, draw_link, match_link
from chatrepl.terminal.draw.markdown.math import math_span

__all__ = ["InlineScanner", "inline_spans"]

_SPECIAL = re.compile(r"[\\`*_<&$]|~+|!\[|\[|(?<![0-9A-Za-z])https?://")
_MAY_BE_SPECIAL = re.compile(r"(?:!|(?<![0-9A-Za-z])h(?:t(?:t(?:ps?(?::/?)?)?)?)?)\Z")
_RUN = re.compile(r"\*+|_+|~+")
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_EAST_ASIAN = re.compile(
    "[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)
_DEEPEST_OPENERS = 64
_DEEPEST_LABELS = 3

Emphasis = Literal["strong", "emphasis", "strike"]


class _Node:
    """Spans, or a run of emphasis marks: what it closes, what is left of it, what it opens."""

    __slots__ = (
        *("can_close", "can_open", "closes", "length", "mark", "opens", "position"),
        *("run_length", "spans"),
    )

    def __init__(self, spans: list[Span], mark: str = "", position: int = 0) -> None:
        self.spans = spans
        self.mark = mark[:1]
        self.length = len(mark)
        """Marks that have not become emphasis."""
        self.run_length = self.length
        self.position = position
        self.can_open = self.can_close = False
        self.closes: list[Emphasis] = []
        self.opens: list[Emphasis] = []

    def clone(self) -> "_Node":
        twin = _Node(list(self.spans), self.mark, self.position)
        twin.length, twin.run_length = self.length, self.run_length
        twin.can_open, twin.can_close = self.can_open, self.can_close
        twin.closes, twin.opens = list(self.closes), list(self.opens)
        return twin


class InlineScanner:
    """Turns the text of one paragraph, in any pieces, into final spans.

    ``references`` are the link definitions seen so far; they may grow.
    """

    def __init__(
        self, style: DrawStyle, references: Mapping[str, LinkTarget] | None = None, depth: int = 0
    ) -> None:
        self._style = style
        self._references = {} if references is None else references
        self._depth = depth
        self._text = ""
        self._before = "\n"
        self._position = 0
        self._nodes: list[_Node] = []
        self._first = 0
        self._openers: list[int] = []
        self._active: dict[Emphasis, int] = {"strong": 0, "emphasis": 0, "strike": 0}
        self._is_preview = False
        self.has_link = False

    def clone(self) -> "InlineScanner":
        """Return an independent copy, to look at what would be if the text ended here."""
        twin = InlineScanner(self._style, self._references, self._depth)
        twin._text, twin._before, twin._position = self._text, self._before, self._position
        twin._nodes = [node.clone() for node in self._nodes]
        twin._first, twin._openers = self._first, list(self._openers)
        twin._active = dict(self._active)
        return twin

    def feed(self, text: str) -> list[Span]:
        """Take further text; return the spans that are final now, in order."""
        self._text += text
        self._scan(is_end=False)
        return self._flush()

    def finish(self) -> list[Span]:
        """End the paragraph; return the rest."""
        self._scan(is_end=True)
        self._openers = []
        return self._flush()

    def preview(self) -> list[Span]:
        """Return the rest as it will most likely be: what is open closes here. Ends the scanner.

        A mark whose counterpart is still to come already counts, so that text doesn't change its
        look, nor its length, when the counterpart comes.
        """
        self._is_preview = True
        self._scan(is_end=True)
        for index in self._openers:
            node = self._nodes[index - self._first]
            node.opens += _opened_by(node)
            node.length = 0
        self._openers = []
        return self._flush()

    def _scan(self, *, is_end: bool) -> None:
        text, at = self._text, 0
        while at < len(text):
            special = _SPECIAL.search(text, at)
            start = special.start() if special else len(text)
            if special is None and not is_end and (held := _MAY_BE_SPECIAL.search(text, at)):
                start = held.start()
            self._plain(text[at:start])
            at = start
            if special is None:
                break
            window = text[at : at + REACH]
            answer = self._construct(window, is_whole=is_end or len(window) == REACH)
            if isinstance(answer, Wait):
                break
            if isinstance(answer, Nothing):
                self._plain(window[0])
                at += 1
            else:
                self._take(answer, window)
                at += answer.length
        self._text = text[at:]

    def _plain(self, text: str) -> None:
        if text:
            self._take(Found(len(text), [span(text)]), text)

    def _take(self, found: Found, window: str) -> None:
        if found.spans:
            if not self._nodes or self._nodes[-1].mark:
                self._nodes.append(_Node([]))
            self._nodes[-1].spans += found.spans
        self._before = window[found.length - 1]
        self._position += found.length

    def _construct(self, window: str, *, is_whole: bool) -> Answer:
        if not self._is_preview:
            return self._rule(window, is_whole=is_whole)
        answer = self._rule(window, is_whole=False)
        if isinstance(answer, Wait):
            answer = self._guess(window) or self._rule(window, is_whole=True)
        return answer

    def _rule(self, window: str, *, is_whole: bool) -> Answer:
        match window[0]:
            case "`":
                return code_span(window, self._style, is_whole=is_whole)
            case "*" | "_" | "~":
                return self._run(window, is_whole=is_whole)
            case "[" | "!":
                return self._link(window, is_whole=is_whole)
            case "<":
                return self._angle(window, is_whole=is_whole)
            case "&":
                return entity(window, self._before, is_whole=is_whole)
            case "$":
                return math_span(window, self._before, is_whole=is_whole)
            case "\\":
                return self._backslash(window, is_whole=is_whole)
            case _:
                return self._address(window, is_whole=is_whole)

    def _backslash(self, window: str, *, is_whole: bool) -> Answer:
        if len(window) == 1:
            return NOTHING if is_whole else WAIT
        if window[1] in "([":
            answer = math_span(window, self._before, is_whole=is_whole)
            if not isinstance(answer, Nothing):
                return answer
        if window[1] == "\n":
            return Found(1)
        return Found(2, [span(window[1])]) if window[1] in _PUNCTUATION else NOTHING

    def _angle(self, window: str, *, is_whole: bool) -> Answer:
        match autolink_or_tag(window, is_whole=is_whole):
            case (shown, matched) if shown != matched:
                url = shown if ":" in shown else f"mailto:{shown}"
                self.has_link = True
                label = [span(shown)]
                spans = draw_link(label, LinkTarget(url), self._style, is_image=False)
                return Found(len(matched), spans)
            case (shown, matched):
                return Found(len(matched), [span(shown)])
            case Nothing() | Wait() as answer:
                return answer

    def _address(self, window: str, *, is_whole: bool) -> Answer:
        if self._depth or (self._before.isascii() and self._before.isalnum()):
            return NOTHING
        length = bare_address(window, is_whole=is_whole)
        if isinstance(length, Wait):
            return WAIT
        if length <= len("https://"):
            return NOTHING
        url = window[:length]
        return Found(length, draw_link([span(url)], LinkTarget(url), self._style, is_image=False))

    def _link(self, window: str, *, is_whole: bool) -> Answer:
        if self._depth >= _DEEPEST_LABELS:
            return NOTHING
        match = match_link(window, self._references, is_whole=is_whole)
        if isinstance(match, Nothing | Wait):
            return match
        inner = InlineScanner(self._style, self._references, self._depth + 1)
        label = [*inner.feed(match.label), *inner.finish()]
        if inner.has_link and not match.is_image:
            return NOTHING
        self.has_link = self.has_link or not match.is_image
        spans = draw_link(label, match.target, self._style, is_image=match.is_image)
        return Found(match.length, spans)

    def _run(self, window: str, *, is_whole: bool) -> Answer:
        run = _RUN.match(window)
        assert run is not None
        length = len(run[0])
        if length == len(window) and not is_whole:
            return WAIT
        if length == REACH or (run[0][0] == "~" and length != 2):
            return Found(length, [span(run[0])])
        node = _Node([], run[0], self._position)
        after = window[length] if length < len(window) else "\n"
        node.can_open, node.can_close = _flanks(self._before, run[0][0], after)
        self._nodes.append(node)
        if node.can_close:
            self._close(node)
        if node.can_open and node.length:
            self._openers.append(self._first + len(self._nodes) - 1)
            del self._openers[:-_DEEPEST_OPENERS]
        return Found(length)

    def _close(self, closer: _Node) -> None:
        """Match a closing run with the openers before it, nearest first."""
        while closer.length:
            for at in range(len(self._openers) - 1, -1, -1):
                opener = self._nodes[self._openers[at] - self._first]
                if closer.position - opener.position > REACH:
                    return
                if _are_a_pair(opener, closer):
                    break
            else:
                return
            both = min(opener.length, closer.length, 2)
            kind: Emphasis = "strong" if both == 2 else "emphasis"
            if closer.mark == "~":
                kind = "strike"
            opener.length -= both
            closer.length -= both
            opener.opens.append(kind)
            closer.closes.append(kind)
            del self._openers[at + (1 if opener.length else 0) :]

    def _guess(self, window: str) -> Found | None:
        """Say what a construct that the text ends in will be, where that is likely."""
        if window[0] == "`" and self._style.colors is not ColorDepth.NONE:
            content = window.lstrip("`")
            return Found(len(window), [span(content, "code")] if content else [])
        if window[0] in "*_~" and not window.strip(window[0]):
            return Found(len(window))
        if link := _OPEN_LINK.fullmatch(window):
            label = inline_spans(link[1], self._style)
            return Found(len(window), [(text, ("link", *names), "") for text, names, _ in label])
        return None

    def _flush(self) -> list[Span]:
        """Give out the nodes before the oldest run that may still open emphasis."""
        while self._openers:
            oldest = self._nodes[self._openers[0] - self._first]
            if self._position - oldest.position <= REACH:
                break
            del self._openers[0]
        count = self._openers[0] - self._first if self._openers else len(self._nodes)
        spans: list[Span] = []
        for node in self._nodes[:count]:
            spans += self._drawn(node)
        del self._nodes[:count]
        self._first += count
        return spans

    def _drawn(self, node: _Node) -> list[Span]:
        spans: list[Span] = []
        shows_marks = self._style.colors is ColorDepth.NONE
        for kind in node.closes:
            self._active[kind] -= 1
            if kind == "strike" and shows_marks:
                spans.append(span("~~"))
        names = tuple(kind for kind, depth in self._active.items() if depth)
        if node.length:
            spans.append((node.mark * node.length, names, ""))
        spans += (
            [(text, (*names, *own), url) for text, own, url in node.spans] if names else node.spans
        )
        for kind in node.opens:
            self._active[kind] += 1
            if kind == "strike" and shows_marks:
                spans.append(span("~~"))
        return spans


_OPEN_LINK = re.compile(r"!?\[([^\[\]]+)\](?:\([^()\s]*)?")


def inline_spans(text: str, style: DrawStyle) -> list[Span]:
    """Read a whole text's inline Markdown."""
    scanner = InlineScanner(style)
    return [*scanner.feed(text), *scanner.finish()]


def _opened_by(node: _Node) -> list[Emphasis]:
    if node.mark == "~":
        return ["strike"]
    kinds: list[Emphasis] = ["emphasis", "strong"]
    return kinds if node.length > 2 else kinds[node.length - 1 : node.length]


def _are_a_pair(opener: _Node, closer: _Node) -> bool:
    """Apply CommonMark's rules of what may close what, its rule of three among them."""
    if opener.mark != closer.mark:
        return False
    if opener.can_close or closer.can_open:
        total = opener.run_length + closer.run_length
        are_threes = opener.run_length % 3 == 0 and closer.run_length % 3 == 0
        return closer.mark == "~" or total % 3 != 0 or are_threes
    return True


def _flanks(before: str, mark: str, after: str) -> tuple[bool, bool]:
    """Say whether a run of marks can open and can close emphasis."""
    is_after_blank, is_before_blank = before.isspace(), after.isspace()
    is_after_sign, is_before_sign = _is_punctuation(before), _is_punctuation(after)
    is_after_east, is_before_east = bool(_EAST_ASIAN.match(before)), bool(_EAST_ASIAN.match(after))
    left = not is_before_blank and (
        not is_before_sign or is_before_east or is_after_blank or is_after_sign or is_after_east
    )
    right = not is_after_blank and (
        not is_after_sign or is_after_east or is_before_blank or is_before_sign or is_before_east
    )
    if mark == "_":
        return left and (not right or is_after_sign), right and (not left or is_before_sign)
    return left, right


def _is_punctuation(character: str) -> bool:
    if character.isascii():
        return character in _PUNCTUATION
    return unicodedata.category(character)[0] in "PS"
