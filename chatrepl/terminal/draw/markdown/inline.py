r"""Incremental parsing of inline Markdown: a paragraph's text in, its final spans out.

A scanner walks over the text once. Each construct is recognised where it begins, by the rules of
``inline_syntax`` and ``links``, which look at most ``LOOKAHEAD_CHARS`` ahead. Emphasis follows the
delimiter stack of CommonMark's appendix ("phase 2: inline structure"), but from the left: as soon
as a closing run comes, it looks back for its opener. An opener is given up as text once
``LOOKAHEAD_CHARS`` have gone by, so everything before the oldest opener is final.

The cost is linear in the text, whatever it is: a rule looks at a bounded window and bounds its own
search, the stack of openers is bounded, and text that a rule refused is not looked at again.

Beyond CommonMark: ``~~text~~``; bare ``https://`` addresses; LaTeX between ``$``, ``$$``, ``\(``
and ``\)``, ``\[`` and ``\]``; East Asian characters count as blanks beside an emphasis delimiter,
since their scripts put none there.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chatrepl.terminal.draw.layout.spans import Line, Span, span
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.markdown.inline_syntax import (
    LOOKAHEAD_CHARS,
    NO_MATCH,
    WAIT,
    Construct,
    MatchResult,
    Mismatch,
    autolink_or_tag,
    bare_address,
    code_span,
    entity,
)
from chatrepl.terminal.draw.markdown.links import LinkTarget, draw_link, match_link
from chatrepl.terminal.draw.markdown.math import math_span

_SPECIAL = re.compile(r"[\\`*_<&$]|~+|!\[|\[|(?<![0-9A-Za-z])https?://")
_SPECIAL_PREFIX = re.compile(r"(?:!|(?<![0-9A-Za-z])h(?:t(?:t(?:ps?(?::/?)?)?)?)?)\Z")
_DELIMITER_RUN = re.compile(r"\*+|_+|~+")
_OPEN_LINK = re.compile(r"!?\[([^\[\]]+)\](?:\([^()\s]*)?")
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_EAST_ASIAN = re.compile(
    "[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)
_MAX_OPENERS = 64
_MAX_LABEL_DEPTH = 3

Emphasis = Literal["strong", "emphasis", "strike"]


@dataclass(slots=True)
class _Node:
    """Final spans, or a delimiter run: the emphasis it closes, its rest, the emphasis it opens.

    The rest is text, drawn between the two.
    """

    spans: Line = field(default_factory=list)
    delimiter: str = ""
    """The repeated character; empty for spans."""
    length: int = 0
    """Delimiters that have not become emphasis."""
    run_length: int = 0
    position: int = 0
    can_open: bool = False
    can_close: bool = False
    closes: list[Emphasis] = field(default_factory=list)
    opens: list[Emphasis] = field(default_factory=list)

    def clone(self) -> "_Node":
        return _Node(
            *(list(self.spans), self.delimiter, self.length, self.run_length, self.position),
            *(self.can_open, self.can_close, list(self.closes), list(self.opens)),
        )


class InlineScanner:
    """Scanner that turns the text of one paragraph, in any pieces, into final spans.

    ``references`` are the link definitions so far, by normalised label; they may grow. ``depth`` is
    the number of links that the text is the label of.
    """

    def __init__(
        self, style: DrawStyle, references: Mapping[str, LinkTarget] | None = None, depth: int = 0
    ) -> None:
        self._style = style
        self._references = {} if references is None else references
        self._depth = depth
        self._text = ""
        """Text that has not been scanned, since its construct waits for more."""
        self._before = "\n"
        """The last character that has been scanned."""
        self._position = 0
        """The number of characters that have been scanned."""
        self._nodes: list[_Node] = []
        """Nodes that are not final: from the oldest opener on."""
        self._first = 0
        """The index of the first of these nodes among all of the paragraph."""
        self._openers: list[int] = []
        """Indexes of runs that may still open emphasis, oldest first."""
        self._active: dict[Emphasis, int] = {"strong": 0, "emphasis": 0, "strike": 0}
        """Emphasis that is open where the final spans end, and its depth."""
        self._is_preview = False
        self.has_link = False
        """A link has been found; images do not count."""

    def clone(self) -> "InlineScanner":
        """Return an independent copy, to preview the spans as if the text ended here."""
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
        """Return the rest as it will most likely be: open constructs close here. Ends the scanner.

        A delimiter whose counterpart is still to come already counts, so that text does not change
        its look, nor its length, when the counterpart comes.
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
            if special is None and not is_end and (prefix := _SPECIAL_PREFIX.search(text, at)):
                start = prefix.start()
            self._plain(text[at:start])
            at = start
            if special is None:
                break
            window = text[at : at + LOOKAHEAD_CHARS]
            result = self._construct(window, is_whole=is_end or len(window) == LOOKAHEAD_CHARS)
            if result is WAIT:
                break
            if isinstance(result, Mismatch):
                self._plain(window[0])
                at += 1
            else:
                self._take(result, window)
                at += result.length
        self._text = text[at:]

    def _plain(self, text: str) -> None:
        if text:
            self._take(Construct(len(text), [span(text)]), text)

    def _take(self, construct: Construct, window: str) -> None:
        if construct.spans:
            if not self._nodes or self._nodes[-1].delimiter:
                self._nodes.append(_Node())
            self._nodes[-1].spans += construct.spans
        self._before = window[construct.length - 1]
        self._position += construct.length

    def _construct(self, window: str, *, is_whole: bool) -> MatchResult:
        if not self._is_preview:
            return self._rule(window, is_whole=is_whole)
        result = self._rule(window, is_whole=False)
        if result is WAIT:
            result = self._likely_construct(window) or self._rule(window, is_whole=True)
        return result

    def _rule(self, window: str, *, is_whole: bool) -> MatchResult:
        """Apply the rule of the construct that may begin with the window's first character."""
        match window[0]:
            case "`":
                return code_span(window, self._style, is_whole=is_whole)
            case "*" | "_" | "~":
                return self._delimiter_run(window, is_whole=is_whole)
            case "[" | "!":
                return self._link(window, is_whole=is_whole)
            case "<":
                return self._autolink_or_tag(window, is_whole=is_whole)
            case "&":
                return entity(window, self._before, is_whole=is_whole)
            case "$":
                return math_span(window, self._before, is_whole=is_whole)
            case "\\":
                return self._backslash(window, is_whole=is_whole)
            case _:
                return self._address(window, is_whole=is_whole)

    def _backslash(self, window: str, *, is_whole: bool) -> MatchResult:
        """Match a formula, a hard line break (CommonMark 6.7) or an escape (2.4)."""
        if len(window) == 1:
            return NO_MATCH if is_whole else WAIT
        if window[1] in "([":
            result = math_span(window, self._before, is_whole=is_whole)
            if result is not NO_MATCH:
                return result
        if window[1] == "\n":
            return Construct(1)
        return Construct(2, [span(window[1])]) if window[1] in _PUNCTUATION else NO_MATCH

    def _autolink_or_tag(self, window: str, *, is_whole: bool) -> MatchResult:
        result = autolink_or_tag(window, is_whole=is_whole)
        if isinstance(result, Mismatch):
            return result
        shown, matched = result
        if shown == matched:
            return Construct(len(matched), [span(shown)])
        self.has_link = True
        target = LinkTarget(shown if ":" in shown else f"mailto:{shown}")
        return Construct(len(matched), draw_link([span(shown)], target, self._style))

    def _address(self, window: str, *, is_whole: bool) -> MatchResult:
        # Not within a word, nor in a link's label: links do not nest.
        if self._depth or (self._before.isascii() and self._before.isalnum()):
            return NO_MATCH
        length = bare_address(window, is_whole=is_whole)
        if isinstance(length, Mismatch):
            return length
        url = window[:length]
        return Construct(length, draw_link([span(url)], LinkTarget(url), self._style))

    def _link(self, window: str, *, is_whole: bool) -> MatchResult:
        if self._depth >= _MAX_LABEL_DEPTH:
            return NO_MATCH
        match = match_link(window, self._references, is_whole=is_whole)
        if isinstance(match, Mismatch):
            return match
        label_scanner = InlineScanner(self._style, self._references, self._depth + 1)
        label = [*label_scanner.feed(match.label), *label_scanner.finish()]
        # Of nested links the inner one counts (CommonMark 6.3); images may hold links.
        if label_scanner.has_link and not match.is_image:
            return NO_MATCH
        self.has_link = self.has_link or not match.is_image
        spans = draw_link(label, match.target, self._style, is_image=match.is_image)
        return Construct(match.length, spans)

    def _delimiter_run(self, window: str, *, is_whole: bool) -> MatchResult:
        """Match a run of emphasis delimiters; close what it closes, note what it may open."""
        run = _DELIMITER_RUN.match(window)
        assert run is not None
        length, delimiter = len(run[0]), run[0][0]
        # What follows a run decides what it can do, so it waits for that.
        if length == len(window) and not is_whole:
            return WAIT
        if length == LOOKAHEAD_CHARS or (delimiter == "~" and length != 2):
            return Construct(length, [span(run[0])])
        after = window[length] if length < len(window) else "\n"
        flanking = _flanking(self._before, delimiter, after)
        node = _Node([], delimiter, length, length, self._position, *flanking)
        self._nodes.append(node)
        if node.can_close:
            self._close(node)
        if node.can_open and node.length:
            self._openers.append(self._first + len(self._nodes) - 1)
            del self._openers[:-_MAX_OPENERS]
        return Construct(length)

    def _close(self, closer: _Node) -> None:
        """Match a closing run with the openers before it, nearest first.

        Openers between a pair can no longer be closed, and are given up as text.
        """
        while closer.length:
            for at in range(len(self._openers) - 1, -1, -1):
                opener = self._nodes[self._openers[at] - self._first]
                if closer.position - opener.position > LOOKAHEAD_CHARS:
                    return
                if _can_pair(opener, closer):
                    break
            else:
                return
            both = min(opener.length, closer.length, 2)
            kind: Emphasis = "strong" if both == 2 else "emphasis"
            if closer.delimiter == "~":
                kind = "strike"
            opener.length -= both
            closer.length -= both
            opener.opens.append(kind)
            closer.closes.append(kind)
            del self._openers[at + (1 if opener.length else 0) :]

    def _likely_construct(self, window: str) -> Construct | None:
        """Return the construct that an open one at the end of the text will most likely become."""
        if window[0] == "`" and self._style.has_colors:
            content = window.lstrip("`")
            return Construct(len(window), [span(content, "code")] if content else [])
        if window[0] in "*_~" and not window.strip(window[0]):
            return Construct(len(window))
        if link := _OPEN_LINK.fullmatch(window):
            label = inline_spans(link[1], self._style)
            spans = [(text, ("link", *names), "") for text, names, _ in label]
            return Construct(len(window), spans)
        return None

    def _flush(self) -> list[Span]:
        """Return the spans before the oldest run that may still open emphasis: they are final."""
        while self._openers:
            oldest = self._nodes[self._openers[0] - self._first]
            if self._position - oldest.position <= LOOKAHEAD_CHARS:
                break
            del self._openers[0]
        count = self._openers[0] - self._first if self._openers else len(self._nodes)
        spans: list[Span] = []
        for node in self._nodes[:count]:
            spans += self._node_spans(node)
        del self._nodes[:count]
        self._first += count
        return spans

    def _node_spans(self, node: _Node) -> list[Span]:
        spans: list[Span] = []
        # Without colours nothing else shows that text is struck through.
        shows_strike = not self._style.has_colors
        for kind in node.closes:
            self._active[kind] -= 1
            if kind == "strike" and shows_strike:
                spans.append(span("~~"))
        names = tuple(kind for kind, depth in self._active.items() if depth)
        if node.length:
            spans.append((node.delimiter * node.length, names, ""))
        spans += (
            [(text, (*names, *own), url) for text, own, url in node.spans] if names else node.spans
        )
        for kind in node.opens:
            self._active[kind] += 1
            if kind == "strike" and shows_strike:
                spans.append(span("~~"))
        return spans


def inline_spans(text: str, style: DrawStyle) -> list[Span]:
    """Parse the inline Markdown of a whole text."""
    scanner = InlineScanner(style)
    return [*scanner.feed(text), *scanner.finish()]


def _opened_by(node: _Node) -> list[Emphasis]:
    """Return the emphasis that an open run would begin if it were closed."""
    if node.delimiter == "~":
        return ["strike"]
    kinds: list[Emphasis] = ["emphasis", "strong"]
    return kinds if node.length > 2 else kinds[node.length - 1 : node.length]


def _can_pair(opener: _Node, closer: _Node) -> bool:
    """Return whether two runs form emphasis: CommonMark 6.2, rules 1 to 10.

    Rules 9 and 10, the "rule of three": if one of them can both open and close, the sum of their
    lengths must not be a multiple of 3, unless both lengths are.
    """
    if opener.delimiter != closer.delimiter:
        return False
    if opener.can_close or closer.can_open:
        total = opener.run_length + closer.run_length
        are_threes = opener.run_length % 3 == 0 and closer.run_length % 3 == 0
        return closer.delimiter == "~" or total % 3 != 0 or are_threes
    return True


def _flanking(before: str, delimiter: str, after: str) -> tuple[bool, bool]:
    """Return whether a run between two characters can open, and can close, emphasis.

    These are CommonMark's left- and right-flanking delimiter runs (6.2); ``_`` is stricter, so that
    snake_case stays as it is.
    """
    is_after_blank, is_before_blank = before.isspace(), after.isspace()
    is_after_sign, is_before_sign = _is_punctuation(before), _is_punctuation(after)
    is_after_east, is_before_east = bool(_EAST_ASIAN.match(before)), bool(_EAST_ASIAN.match(after))
    left = not is_before_blank and (
        not is_before_sign or is_before_east or is_after_blank or is_after_sign or is_after_east
    )
    right = not is_after_blank and (
        not is_after_sign or is_after_east or is_before_blank or is_before_sign or is_before_east
    )
    if delimiter == "_":
        return left and (not right or is_after_sign), right and (not left or is_before_sign)
    return left, right


def _is_punctuation(character: str) -> bool:
    if character.isascii():
        return character in _PUNCTUATION
    return unicodedata.category(character)[0] in "PS"
