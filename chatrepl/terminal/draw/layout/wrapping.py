"""Incremental word wrapping of styled text.

Lines break at spaces, and between East Asian characters and emoji where typography allows it; a
word wider than a line is cut between graphemes. A finished line never changes: only the current
line is held, and of it the last grapheme and the last word may still grow. So the lines are the
same however the text is cut into pieces.
"""

import re
from collections.abc import Iterable

from chatrepl.terminal.draw.layout.cell_width import cell_width, graphemes
from chatrepl.terminal.draw.layout.spans import Line, Span, merged

_BLANKS = " \t\u2000-\u2006\u2008-\u200a\u205f\u3000"
_TOKENS = re.compile(f"(?P<space>[{_BLANKS}]+)|\n|[^\n{_BLANKS}]+")
# Ideographs, kana, full-width forms and emoji: a line may break beside them without a space.
_BREAKABLE = re.compile(
    "[\u2e80-\u9fff\ua000-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U0001f000-\U0001faff\U00020000-\U0003ffff]"
)
# Kinsoku: closing signs and small kana never begin a line, opening signs never end one.
_NEVER_FIRST = frozenset(
    "、。，．,.!?！？：；:;)）]］}｝」』】〉》〕〗〙〛’”…‥ー々ゝゞヽヾ・％%℃～"  # noqa: RUF001
    "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
)
_NEVER_LAST = frozenset("([{（［｛「『【〈《〔〖〘〚‘“")  # noqa: RUF001


class Wrapper:
    """Word wrapper that takes spans in any pieces and gives whole lines.

    ``width`` is in cells. With ``keep_indent`` the white space at the beginning of a source line
    stays.
    """

    __slots__ = (
        *("_at_line_start", "_gap", "_gap_width", "_keep_indent", "_last_grapheme", "_row"),
        *("_row_width", "_width", "_word", "_word_width", "lines"),
    )

    def __init__(self, width: int, *, keep_indent: bool = False) -> None:
        self.lines: list[Line] = []
        """Finished lines; the caller empties the list."""
        self._width = max(1, width)
        self._keep_indent = keep_indent
        self._clear()

    def _clear(self) -> None:
        self._row: Line = []
        self._row_width = 0
        self._gap: Line = []
        self._gap_width = 0
        self._word: Line = []
        self._word_width = 0
        self._last_grapheme: Span | None = None
        self._at_line_start = True

    def clone(self) -> "Wrapper":
        """Return an independent copy, to preview the lines as if the text ended here."""
        twin = Wrapper(self._width, keep_indent=self._keep_indent)
        for name in Wrapper.__slots__:
            value = getattr(self, name)
            setattr(twin, name, list(value) if isinstance(value, list) else value)
        return twin

    def resize(self, width: int) -> None:
        """Wrap the current line and those after it to another width in cells."""
        if width == self._width:
            return
        last = [self._last_grapheme] if self._last_grapheme else []
        spans = [*self._row, *self._gap, *self._word, *last]
        at_line_start = self._at_line_start
        self._clear()
        self._at_line_start = at_line_start
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
        self._at_line_start = True

    def finish(self) -> None:
        """End the line if there is anything on it."""
        self._end_word()
        if self._row:
            self._flush_row()
        self._clear()

    def _add_to_word(self, text: str, names: tuple[str, ...], url: str) -> None:
        if self._last_grapheme is not None:
            if self._last_grapheme[1] == names and self._last_grapheme[2] == url:
                text = self._last_grapheme[0] + text
            else:
                self._append(*self._last_grapheme)
        # The last grapheme is held, since a mark or a joiner may follow that changes its width.
        if text.isascii():
            if len(text) > 1:
                self._append(text[:-1], names, url)
            self._last_grapheme = (text[-1], names, url)
            return
        *certain, last = graphemes(text)
        for grapheme in certain:
            self._append(grapheme, names, url)
        self._last_grapheme = (last, names, url)

    def _append(self, text: str, names: tuple[str, ...], url: str) -> None:
        if self._word and _may_break(self._word[-1][0], text):
            self._commit_word()
        if self._word and self._word[-1][1:] == (names, url):
            self._word[-1] = (self._word[-1][0] + text, names, url)
        else:
            self._word.append((text, names, url))
        self._word_width += cell_width(text)
        # Cut at once, not at the word's end: so the current word is never longer than a line, and
        # text without any space costs no more than other text.
        if self._word_width > self._width:
            self._cut_word()

    def _end_word(self) -> None:
        if self._last_grapheme is not None:
            self._append(*self._last_grapheme)
            self._last_grapheme = None
        if self._word:
            self._commit_word()

    def _commit_word(self) -> None:
        self._make_room()
        self._row += self._word
        self._row_width += self._word_width
        self._word, self._word_width = [], 0

    def _make_room(self) -> None:
        """Put the gap on the line, or begin a new line if the word does not fit behind it."""
        is_indent = not self._row and self._at_line_start and self._keep_indent
        if self._row and self._row_width + self._gap_width + self._word_width > self._width:
            self._flush_row()
        elif self._row or (is_indent and self._gap_width + self._word_width <= self._width):
            self._row += self._gap
            self._row_width += self._gap_width
        self._gap, self._gap_width = [], 0
        self._at_line_start = False

    def _cut_word(self) -> None:
        """Cut a word that is wider than a line; its last part stays the current word."""
        self._make_room()
        word, self._word, self._word_width = self._word, [], 0
        part: Line = []
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
        self._at_line_start = False


def wrapped(spans: Iterable[Span], width: int, *, keep_indent: bool = False) -> list[Line]:
    """Wrap whole text to a width in cells; text without anything but blanks has no line."""
    wrapper = Wrapper(width, keep_indent=keep_indent)
    wrapper.add(spans)
    wrapper.finish()
    return wrapper.lines


def _may_break(before: str, after: str) -> bool:
    """Return whether a line may break between two texts that no space parts."""
    last, first = before[-1], after[0]
    if last.isascii() and first.isascii():
        return False
    if first in _NEVER_FIRST or last in _NEVER_LAST:
        return False
    return bool(_BREAKABLE.match(first) or _BREAKABLE.match(last))
