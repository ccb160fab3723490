"""Fill lines with words, as the words come.

Lines break at spaces, and between East Asian characters and emoji where typography allows it; a
word wider than a line is cut between graphemes. A finished line never changes: what is held is the
current line, whose last word may go on.
"""

import re
from collections.abc import Iterable

from chatrepl.terminal.draw.layout.cell_width import cell_width, graphemes
from chatrepl.terminal.draw.layout.spans import Span, merged

__all__ = ["Wrapper"]

_BLANKS = " \t\u2000-\u2006\u2008-\u200a\u205f\u3000"
_TOKENS = re.compile(f"(?P<space>[{_BLANKS}]+)|\n|[^\n{_BLANKS}]+")
_BREAKABLE = re.compile(
    "[\u2e80-\u9fff\ua000-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U0001f000-\U0001faff\U00020000-\U0003ffff]"
)
_NEVER_FIRST = frozenset(
    "、。，．,.!?！？：；:;)）]］}｝」』】〉》〕〗〙〛’”…‥ー々ゝゞヽヾ・％%℃～"  # noqa: RUF001
    "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
)
_NEVER_LAST = frozenset("([{（［｛「『【〈《〔〖〘〚‘“")  # noqa: RUF001


class Wrapper:
    """Takes spans in any pieces and gives whole lines.

    ``width`` is in cells. With ``keep_indent`` the white space a source line begins with stays.
    """

    __slots__ = (
        *("_gap", "_gap_width", "_is_fresh", "_keep_indent", "_loose", "_row", "_row_width"),
        *("_width", "_word", "_word_width", "lines"),
    )

    def __init__(self, width: int, *, keep_indent: bool = False) -> None:
        self.lines: list[list[Span]] = []
        """Finished lines; whoever takes them empties the list."""
        self._width = max(1, width)
        self._keep_indent = keep_indent
        self._clear()

    def _clear(self) -> None:
        self._row: list[Span] = []
        self._row_width = 0
        self._gap: list[Span] = []
        self._gap_width = 0
        self._word: list[Span] = []
        self._word_width = 0
        self._loose: Span | None = None
        self._is_fresh = True

    def clone(self) -> "Wrapper":
        """Return an independent copy, to look at what would be if the text ended here."""
        twin = Wrapper(self._width, keep_indent=self._keep_indent)
        for name in Wrapper.__slots__:
            value = getattr(self, name)
            setattr(twin, name, list(value) if isinstance(value, list) else value)
        return twin

    def resize(self, width: int) -> None:
        """Fill the current line and those after it to another width."""
        if width == self._width:
            return
        spans = [*self._row, *self._gap, *self._word, *([self._loose] if self._loose else [])]
        was_fresh = self._is_fresh
        self._clear()
        self._is_fresh = was_fresh
        self._width = max(1, width)
        self.add(spans)

    def add(self, spans: Iterable[Span]) -> None:
        """Take further text; a new line in it ends the line."""
        for text, names, url in spans:
            for token in _TOKENS.finditer(text):
                if token["space"]:
                    self._end_word()
                    space = token[0].replace("\t", "    ")
                    self._gap.append((space, names, url))
                    self._gap_width += cell_width(space)
                elif token[0] == "\n":
                    self.end_line()
                else:
                    self._add_to_word(token[0], names, url)

    def end_line(self) -> None:
        """End the line, also an empty one."""
        self._end_word()
        self._flush_row()
        self._gap, self._gap_width = [], 0
        self._is_fresh = True

    def finish(self) -> None:
        """End the line if there is anything on it."""
        self._end_word()
        if self._row:
            self._flush_row()
        self._clear()

    def _add_to_word(self, text: str, names: tuple[str, ...], url: str) -> None:
        if self._loose is not None:
            if self._loose[1] == names and self._loose[2] == url:
                text = self._loose[0] + text
            else:
                self._append(*self._loose)
            self._loose = None
        if text.isascii():
            if len(text) > 1:
                self._append(text[:-1], names, url)
            self._loose = (text[-1], names, url)
            return
        *certain, last = graphemes(text)
        for grapheme in certain:
            self._append(grapheme, names, url)
        self._loose = (last, names, url)

    def _append(self, text: str, names: tuple[str, ...], url: str) -> None:
        if self._word and _may_break(self._word[-1][0], text):
            self._commit_word()
        if self._word and self._word[-1][1:] == (names, url):
            self._word[-1] = (self._word[-1][0] + text, names, url)
        else:
            self._word.append((text, names, url))
        self._word_width += cell_width(text)
        if self._word_width > self._width:
            self._spill()

    def _end_word(self) -> None:
        if self._loose is not None:
            self._append(*self._loose)
            self._loose = None
        if self._word:
            self._commit_word()

    def _commit_word(self) -> None:
        self._make_room()
        self._row += self._word
        self._row_width += self._word_width
        self._word, self._word_width = [], 0

    def _make_room(self) -> None:
        """Put the pending gap on the line, or begin a new line if the word does not fit."""
        is_indent = not self._row and self._is_fresh and self._keep_indent
        if self._row and self._row_width + self._gap_width + self._word_width > self._width:
            self._flush_row()
        elif self._row or (is_indent and self._gap_width + self._word_width <= self._width):
            self._row += self._gap
            self._row_width += self._gap_width
        self._gap, self._gap_width = [], 0
        self._is_fresh = False

    def _spill(self) -> None:
        """Cut a word that no line can hold; its last part stays the current word."""
        self._make_room()
        word, self._word, self._word_width = self._word, [], 0
        part: list[Span] = []
        used = 0
        for text, names, url in word:
            for grapheme in graphemes(text):
                cells = cell_width(grapheme)
                if used + cells > self._width and part:
                    self.lines.append(part)
                    part, used = [], 0
                part.append((grapheme, names, url))
                used += cells
        self._word, self._word_width = merged(part), used

    def _flush_row(self) -> None:
        self.lines.append(self._row)
        self._row, self._row_width = [], 0
        self._is_fresh = False


def _may_break(before: str, after: str) -> bool:
    last, first = before[-1], after[0]
    if last.isascii() and first.isascii():
        return False
    if first in _NEVER_FIRST or last in _NEVER_LAST:
        return False
    return bool(_BREAKABLE.match(first) or _BREAKABLE.match(last))
