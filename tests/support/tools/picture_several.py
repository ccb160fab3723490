"""Make the pictures of ``/compare`` and ``/context``.

``python -m tests.support.tools.picture_several`` does it.
The real program draws them in a real terminal; they go to ``docs``. Wants Pillow.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.support import ROOT
from tests.support.servers.sse_replies import RecordedRequest, Reply
from tests.support.servers.sse_server import Answer, SseServer
from tests.support.terminal.terminal import Terminal
from tests.support.tools.picture import draw

COLUMNS = 120
FIRST = """\
Use `itertools.groupby`, but **sort first**: it only joins neighbours.

```python
from itertools import groupby

words = ["fig", "apple", "kiwi", "pear", "plum"]
words.sort(key=len)
for length, group in groupby(words, key=len):
    print(length, list(group))
```

The sort is stable, so words of one length keep their order.
"""
SECOND = """\
A dictionary of lists does it in one pass, without sorting:

```python
from collections import defaultdict

groups = defaultdict(list)
for word in ["fig", "apple", "kiwi", "pear"]:
    groups[len(word)].append(word)
```

| length | words |
|---|---|
| 3 | fig |
| 4 | kiwi, pear |
| 5 | apple |

For long lists this is **faster**: O(n), not O(n log n).
"""
TURNS = (
    ("How do I group words by their length?", FIRST),
    ("And without sorting them first?", SECOND),
    ("Which of the two is faster?", "The dictionary: it looks at each word **once**."),
    ("Write a test for it.", "Call it with no words: `assert group([]) == {}`"),
)


def picture(
    name: str,
    rows: int,
    reply: Callable[[RecordedRequest], Reply],
    act: Callable[[Terminal], object],
    *options: str,
    config: str = "",
) -> None:
    """Start the program, let something happen, and draw what is seen then."""
    with SseServer(default=reply) as server, tempfile.TemporaryDirectory() as home:
        Path(home, "config.toml").write_text(config)
        environment = {
            "CHATREPL_HOME": home,
            "PYTHONPATH": str(ROOT),
            "COLORTERM": "truecolor",
            "COLORFGBG": "15;0",
            "TERM": "xterm-256color",
        }
        argv = [sys.executable, "-m", "chatrepl", "--base-url", server.base_url, *options]
        with Terminal(argv, rows=rows, columns=COLUMNS, env=environment) as terminal:
            terminal.wait_for("Ctrl+D leaves").wait_until_quiet()
            act(terminal)
            terminal.wait_until_quiet()
            path = ROOT / "docs" / name
            draw(terminal.screen, path)
            sys.stdout.write(f"{path}: {path.stat().st_size / 1000:.0f} kB\n")


def say(terminal: Terminal, line: str, until: str) -> None:
    """Type a line, and wait for what it leads to."""
    terminal.wait_until_quiet()
    terminal.send(line + "\r")
    terminal.wait_for(until, 30)
    terminal.wait_until_quiet()


def compare(terminal: Terminal) -> None:
    """Ask two models the same."""
    say(terminal, "/compare gpt-4.1-mini gpt-4o", "the next message goes to")
    say(terminal, TURNS[0][0], "is the current one")
    terminal.send("/pick 2")


def context(terminal: Terminal) -> None:
    """Talk, pin the first turn, drop another, and look at what would be sent."""
    for question, answer in TURNS:
        say(terminal, question, answer.strip("`\n ").split()[-1].strip("`*.{}|"))
    say(terminal, "/pin 1", "is pinned")
    say(terminal, "/drop 5", "is dropped")
    say(terminal, "/context", "would go to")


def compared(request: RecordedRequest) -> Reply:
    """Answer as two models that differ in speed."""
    if request.body["model"] == "gpt-4o":
        return Answer(SECOND, delay_s=0.018, first_delay_s=0.5)
    return Answer(FIRST, delay_s=0.009, first_delay_s=0.2)


def told(request: RecordedRequest) -> Reply:
    """Answer each question with its answer."""
    return Answer(dict(TURNS)[request.messages[-1]["content"]])


def main() -> None:
    """Draw both."""
    picture("compare.png", 36, compared, compare, "-m", "gpt-4.1-mini")
    options = ("-m", "gpt-4.1-mini", "-s", "You teach Python. Be brief.")
    config = "context_window = 400\nreserve = 160\n"
    picture("context.png", 28, told, context, *options, config=config)


if __name__ == "__main__":
    main()
