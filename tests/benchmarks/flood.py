"""Streaming long answers as fast as they come, beside the two things that cannot be saved.

``python -m tests.benchmarks.flood [KILOBYTES ...]`` streams mixed Markdown through the real program
in a terminal and prints, for each size, the program's CPU and wall time from Enter to quiet, and
their ratio to the sum of two floors: reading the raw events of the same answer, and rendering the
whole text once with the same renderer. Also: the ratio to plain ``rich.markdown``, the bytes to the
terminal beside those of ``rich.markdown``, and the exponent of growth over all sizes.
"""

import io
import json
import math
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pyte
import rich.console
import rich.markdown

from chatrepl.terminal.draw.markdown import MarkdownStream
from chatrepl.terminal.draw.style import detect_style
from tests.support.sse_server import SseServer
from tests.support.terminal import Terminal

ROOT = Path(__file__).parents[2]
SIZES_KB = (25, 50, 100, 200)
COLUMNS, ROWS = 100, 40
QUIET_S = 0.6
SAMPLE = """\
## Section {n}: what is **measured** here

The quick brown fox jumps over the `lazy` dog, *again* and **again**, until the [source]({url}) says
otherwise; number {n} of many paragraphs as long as paragraphs are, with words and more words.

- an item with `code` in it
- another one, **bold**
  1. nested, first
  2. nested, second

```python
def function_{n}(argument: int) -> str:
    \"\"\"Return the number as text.\"\"\"
    return f"{{argument}} is not {n}"
```

| name | value | meaning |
|---|---:|---|
| alpha | {n} | the first of the letters |
| beta | 2 | 中文 and `code` |

> A quotation of some length, which goes on for a while and then ends.

"""


def mixed_markdown(kilobytes: int) -> str:
    """Return mixed Markdown of that size."""
    text = ""
    number = 0
    while len(text.encode()) < kilobytes * 1000:
        number += 1
        text += SAMPLE.format(n=number, url=f"https://example.org/{number}")
    return text


def cpu_s_of(pid: int) -> float:
    """Return the CPU seconds a process and its waited-for children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def read_floor_s(server: SseServer, text: str) -> float:
    """Return the CPU seconds that reading and parsing the raw events takes."""
    server.answer(text)
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    request = urllib.request.Request(
        server.base_url + "/chat/completions", json.dumps(body).encode(), {"Connection": "close"}
    )
    begun_s = time.thread_time()
    parts = []
    with urllib.request.urlopen(request) as response:
        for line in response:
            if line.startswith(b"data: {"):
                choices = json.loads(line[6:]).get("choices") or [{}]
                parts.append((choices[0].get("delta") or {}).get("content") or "")
    assert "".join(parts) == text
    return time.thread_time() - begun_s


def render_floor_s(text: str) -> float:
    """Return the CPU seconds that drawing the whole text once takes."""
    style = detect_style({"TERM": "xterm-256color"}, is_terminal=True, encoding="utf-8")
    begun_s = time.thread_time()
    stream = MarkdownStream(width=COLUMNS, style=style)
    "\n".join([*stream.feed(text), *stream.finish()])
    return time.thread_time() - begun_s


def rich_floor(text: str) -> tuple[float, int]:
    """Return the CPU seconds and the bytes of drawing the whole text once with rich's own."""
    file = io.StringIO()
    console = rich.console.Console(
        file=file, force_terminal=True, width=COLUMNS, color_system="256", legacy_windows=False
    )
    begun_s = time.thread_time()
    console.print(rich.markdown.Markdown(text))
    return time.thread_time() - begun_s, len(file.getvalue().encode())


class _Nothing(pyte.Stream):
    def feed(self, data: str) -> None:
        """Draw nothing."""


class Unwatched(Terminal):
    """A terminal that can stop drawing: the emulator would use the core that is measured."""

    def take_bytes_only(self) -> None:
        """From now on draw nothing."""
        self._stream = _Nothing(self.screen)


def start_program(server: SseServer, home: str) -> Unwatched:
    """Start the program, and have a first short exchange, which pays for what is loaded late."""
    terminal = Unwatched(
        [sys.executable, "-m", "chatrepl", "--no-save", "--base-url", server.base_url],
        env={"CHATREPL_HOME": home, "PYTHONPATH": str(ROOT), "HOME": home},
        rows=ROWS,
        columns=COLUMNS,
    )
    terminal.wait_for("new session")
    terminal.send("a first short exchange\r")
    terminal.wait_for("You said: a first").wait_until_quiet(0.5)
    terminal.take_bytes_only()
    return terminal


def measure(kilobytes: int, server: SseServer, home: str) -> float:
    """Print what one size costs; return its CPU seconds."""
    text = mixed_markdown(kilobytes)
    with start_program(server, home) as terminal:
        server.answer(text)
        before_s, before_bytes = cpu_s_of(terminal.process.pid), len(terminal.raw)
        begun_s = time.monotonic()
        terminal.send("flood\r")
        terminal.wait_for(lambda t: len(t.raw) > before_bytes + len(text) // 2, 60)
        terminal.wait_until_quiet(QUIET_S, 60)
        wall_s = time.monotonic() - begun_s - QUIET_S
        cpu_s = cpu_s_of(terminal.process.pid) - before_s
        written = len(terminal.raw) - before_bytes
    reading_s = statistics.median(read_floor_s(server, text) for _ in range(3))
    rendering_s = statistics.median(render_floor_s(text) for _ in range(3))
    rich_s, rich_bytes = rich_floor(text)
    ratio = cpu_s / (reading_s + rendering_s)
    print(
        f"{kilobytes:4} KB  cpu {cpu_s:5.2f} s  wall {wall_s:5.2f} s  "
        f"floors {reading_s:4.2f} + {rendering_s:4.2f} s  ratio {ratio:4.2f}  "
        f"to rich.markdown {cpu_s / rich_s:4.2f}  bytes to rich's {written / rich_bytes:4.2f}",
        flush=True,
    )
    return cpu_s


def main(sizes_kb: list[int]) -> None:
    """Measure each size, and how the cost grows."""
    with tempfile.TemporaryDirectory() as home, SseServer() as server:
        costs = [(size, measure(size, server, home)) for size in sizes_kb]
    if len(costs) > 1:
        xs = [math.log(size) for size, _ in costs]
        ys = [math.log(cpu_s) for _, cpu_s in costs]
        print(f"growth exponent {statistics.linear_regression(xs, ys).slope:4.2f}")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(SIZES_KB))
