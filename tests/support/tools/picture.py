"""Make a picture of a terminal's screen.

``python -m tests.support.tools.picture`` draws those in docs.
Wants Pillow, and the fonts named below; neither is needed for anything else.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import ROOT

FOLDER = Path("/usr/share/fonts/truetype")
FONTS = {
    (False, False): "dejavu/DejaVuSansMono.ttf",
    (True, False): "dejavu/DejaVuSansMono-Bold.ttf",
    (False, True): "dejavu/DejaVuSansMono-Oblique.ttf",
    (True, True): "dejavu/DejaVuSansMono-BoldOblique.ttf",
}
FALLBACKS = ("wqy/wqy-microhei.ttc", "ancient-scripts/Symbola_hint.ttf")
SIZE = 20
CELL = (12, 24)
MARGIN = 20
SHADES = 128
THEMES: Mapping[str, Mapping[str, str]] = {
    "dark": {
        "background": "#16181d", "default": "#d7dae0", "black": "#16181d", "red": "#f47067",
        "green": "#8ddb8c", "brown": "#e0b46b", "blue": "#6cb6ff", "magenta": "#dcbdfb",
        "cyan": "#76d7e0", "white": "#d7dae0", "brightblack": "#7d8590",
    },
    "light": {
        "background": "#ffffff", "default": "#1f2328", "black": "#1f2328", "red": "#c4232f",
        "green": "#1a7f37", "brown": "#8a5a00", "blue": "#0550ae", "magenta": "#8250df",
        "cyan": "#0f7285", "white": "#6e7781", "brightblack": "#6e7781",
    },
}  # fmt: skip


def draw(screen: Any, path: Path, theme: str = "dark") -> None:
    """Draw a pyte screen into a PNG file, with the terminal's own colours of a theme."""
    from PIL import Image, ImageDraw, ImageFont

    colors = THEMES[theme]
    rows = _used_rows(screen)
    size = (screen.columns * CELL[0] + 2 * MARGIN, rows * CELL[1] + 2 * MARGIN)
    image = Image.new("RGB", size, colors["background"])
    pen = ImageDraw.Draw(image)
    fonts = {key: ImageFont.truetype(str(FOLDER / name), SIZE) for key, name in FONTS.items()}
    others = [
        ImageFont.truetype(str(FOLDER / name), 2 * CELL[0])
        for name in FALLBACKS
        if (FOLDER / name).exists()
    ]
    for row in range(rows):
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            if not (cell.data.strip() or cell.underscore or cell.strikethrough or cell.reverse):
                continue
            font = _font(cell.data, fonts[bool(cell.bold), bool(cell.italics)], others)
            _draw_cell(pen, cell, (MARGIN + column * CELL[0], MARGIN + row * CELL[1]), font, colors)
    image.quantize(SHADES).save(path, optimize=True)


def _draw_cell(
    pen: Any, cell: Any, place: tuple[int, int], font: Any, colors: Mapping[str, str]
) -> None:
    front, back = _color(cell.fg, colors, "default"), _color(cell.bg, colors, "background")
    if cell.reverse:
        front, back = back, front
    x, y = place
    if back != colors["background"]:
        pen.rectangle((x, y, x + CELL[0] - 1, y + CELL[1] - 1), fill=back)
    is_usual = font.size == SIZE
    pen.text((x, y if is_usual else y - 2), cell.data, font=font, fill=front)
    if cell.bold and not is_usual:
        pen.text((x + 1, y - 2), cell.data, font=font, fill=front)
    if cell.underscore:
        pen.line((x, y + CELL[1] - 3, x + CELL[0], y + CELL[1] - 3), fill=front, width=2)
    if cell.strikethrough:
        pen.line((x, y + CELL[1] // 2, x + CELL[0], y + CELL[1] // 2), fill=front, width=2)


def _font(text: str, usual: Any, others: list[Any]) -> Any:
    """Choose the first font that has the character: an absent one is drawn as a box."""
    for font in (usual, *others):
        if bytes(font.getmask(text[:1] or " ")) != bytes(font.getmask("\U0010fffe")):
            return font
    return usual


def _color(name: str, colors: Mapping[str, str], default: str) -> str:
    if name in colors:
        return colors[default] if name == "default" else colors[name]
    return f"#{name}" if len(name) == 6 else colors.get(name.removeprefix("bright"), "#888888")


def _used_rows(screen: Any) -> int:
    for row in range(screen.lines - 1, -1, -1):
        if any(screen.buffer[row][column].data.strip() for column in range(screen.columns)):
            return row + 1
    return 1


QUESTION = "How do I sort a list of words by length?"
ANSWER = """\
Use `sorted()` with a **key**; it returns a *new* list and keeps equal words in their order:

```python
words = ["banana", "fig", "apple"]
print(sorted(words, key=len))  # ['fig', 'apple', 'banana']
```

| call | returns | changes the list |
|---|---|---|
| `sorted(words, key=len)` | a new list | no |
| `words.sort(key=len)` | `None` | yes |

For the longest first, add `reverse=True`.
"""


def main() -> None:
    """Draw the pictures of the documents from the real program in a real terminal."""
    import sys
    import tempfile

    from tests.support.servers.sse_server import SseServer
    from tests.support.terminal.terminal import Terminal

    root = ROOT
    with SseServer() as server, tempfile.TemporaryDirectory() as home:
        server.answer(ANSWER, model="gpt-4.1-mini")
        environment = {
            "CHATREPL_HOME": home,
            "PYTHONPATH": str(root),
            "COLORTERM": "truecolor",
            "COLORFGBG": "15;0",
            "TERM": "xterm-256color",
        }
        argv = [sys.executable, "-m", "chatrepl", "--base-url", server.base_url]
        argv += ["-m", "gpt-4.1-mini", "-s", "Be brief."]
        with Terminal(argv, rows=36, columns=88, env=environment) as terminal:
            terminal.wait_for("Ctrl+D leaves")
            terminal.send(QUESTION + "\r")
            terminal.wait_for("reverse=True")
            terminal.wait_until_quiet()
            terminal.send("/context\r")
            terminal.wait_for("would go to")
            terminal.wait_until_quiet()
            terminal.send("And by their last lett")
            terminal.wait_until_quiet()
            draw(terminal.screen, root / "docs" / "conversation.png")


if __name__ == "__main__":
    main()
