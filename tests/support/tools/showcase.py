"""Make the pictures of a showcase answer: ``python -m tests.support.tools.showcase``.

The real program draws it in a real terminal, which says what its background is; the pictures go to
``docs/showcase``. ``python -m tests.support.tools.showcase FOLDER 20 40`` makes them elsewhere,
of other widths. Wants Pillow.
"""

import sys
import tempfile
from pathlib import Path

from tests.support import ROOT
from tests.support.servers.sse_server import SseServer
from tests.support.terminal.terminal import Terminal
from tests.support.tools.picture import draw

ANSWER = Path(__file__).with_suffix(".md")
WIDTHS = (60, 120)
BACKGROUNDS = {"dark": "1616/1818/1d1d", "light": "ffff/ffff/ffff"}
QUESTION = "How does sorting work? Show me everything you can draw."
THOUGHT = (
    "The user wants to see headings, lists, code, tables and formulas. I should keep it short, "
    "and say something true about sorting."
)


def show(theme: str, columns: int, path: Path) -> None:
    """Draw one picture."""
    text = ANSWER.read_text(encoding="utf-8")
    with SseServer() as server, tempfile.TemporaryDirectory() as home:
        server.answer(text, reasoning=THOUGHT, model="gpt-4.1-mini", chunk_chars=200)
        environment = {
            "CHATREPL_HOME": home,
            "PYTHONPATH": str(ROOT),
            "COLORTERM": "truecolor",
            "VTE_VERSION": "7000",
        }
        argv = [sys.executable, "-m", "chatrepl", "--base-url", server.base_url, "-m"]
        with Terminal([*argv, "gpt-4.1-mini"], rows=400, columns=columns, env=environment) as shown:
            shown.wait_for(lambda _: b"\x1b]11;?" in shown.raw)
            shown.send(f"\x1b]11;rgb:{BACKGROUNDS[theme]}\x1b\\\x1b[?62c")
            shown.wait_for("Ctrl+D").wait_until_quiet()
            shown.send(QUESTION + "\r")
            shown.wait_for(":smile:").wait_until_quiet()
            shown.send("And when the words")
            shown.wait_until_quiet()
            draw(shown.screen, path, theme)


def main() -> None:
    """Draw each picture, dark and light."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "showcase"
    folder.mkdir(exist_ok=True)
    for columns in map(int, sys.argv[2:]) if len(sys.argv) > 2 else WIDTHS:
        for theme in BACKGROUNDS:
            path = folder / f"{theme}-{columns}.png"
            show(theme, columns, path)
            sys.stdout.write(f"{path}: {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
