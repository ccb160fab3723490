"""A terminal's screen with scrollback that resizes as plain terminals do."""

import re

import pyte
from wcwidth import wcwidth

__all__ = ["ScrollingScreen", "new_stream"]


_WIDTHLESS = re.compile("[\u200c\u200d\ufe0e\ufe0f]")


class ScrollingScreen(pyte.Screen):
    """A pyte screen with all its scrollback; like xterm it never wraps rows anew."""

    def __init__(self, columns: int, lines: int) -> None:
        self.scrollback: list[str] = []
        super().__init__(columns, lines)

    def draw(self, data: str) -> None:
        """Draw text without joiners and selectors, behind which pyte draws nothing more."""
        super().draw(_WIDTHLESS.sub("", data))

    def select_graphic_rendition(self, *attrs: int, **_: bool) -> None:
        """Keep dimmed text apart, which pyte does not: as the colour called bright black."""
        super().select_graphic_rendition(*attrs)
        is_own = 38 in attrs or 48 in attrs
        if 2 in attrs and not is_own and self.cursor.attrs.fg == "default":
            self.cursor.attrs = self.cursor.attrs._replace(fg="brightblack")

    @property
    def display(self) -> list[str]:
        """Return the visible rows."""
        return [self._row_text(y) for y in range(self.lines)]

    def _row_text(self, y: int) -> str:
        """Join a row's cells; half of a wide character that was overwritten is a blank."""
        row, cells, is_second_half = self.buffer[y], [], False
        for x in range(self.columns):
            data = row[x].data
            cells.append(data or ("" if is_second_half else " "))
            is_second_half = data >= "\u1100" and wcwidth(data[0]) == 2
        return "".join(cells)

    def index(self) -> None:
        """Move down a row; at the bottom the top row goes into the scrollback."""
        bottom = self.margins.bottom if self.margins else self.lines - 1
        top = self.margins.top if self.margins else 0
        if self.cursor.y == bottom and top == 0:
            self.scrollback.append(self._row_text(0).rstrip())
        super().index()

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Cut columns at the right; rows above the cursor that no longer fit scroll off."""
        lines, columns = lines or self.lines, columns or self.columns
        surplus = self.cursor.y - (lines - 1)
        for _ in range(surplus):
            self.scrollback.append(self._row_text(0).rstrip())
            for y in range(self.lines - 1):
                self.buffer[y] = self.buffer[y + 1]
            self.buffer.pop(self.lines - 1, None)
            self.cursor.y -= 1
        for y in [y for y in self.buffer if y >= lines]:
            del self.buffer[y]
        for row in self.buffer.values():
            for x in [x for x in row if x >= columns]:
                del row[x]
        self.lines, self.columns = lines, columns
        self.cursor.x = min(self.cursor.x, columns - 1)
        self.margins = None
        self.dirty.update(range(lines))


def new_stream(screen: ScrollingScreen) -> pyte.Stream:
    """Make the parser that feeds a screen."""
    return pyte.Stream(screen)
