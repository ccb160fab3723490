"""Streaming long answers as fast as they come, beside two floors of cost.

``python -m tests.benchmarks.flood [KIND ...]`` streams answers of each kind (``long_answers``; all
unless named) in growing sizes through the real program in a terminal, each in a program of its own,
after a first short exchange. It prints the program's CPU from Enter to quiet, and its ratio to the
sum of two floors, measured right after it:

- read: reading the raw events of the same answer from the same server and parsing their JSON, with
  nothing but the standard library. In brackets: with the SDK's own client, which the program has;
- draw: drawing the whole text once with the same renderer.

Also: the ratio to plain ``rich.markdown``, the bytes to the terminal beside those of
``rich.markdown``, and the exponent of each kind's growth over its sizes.

Each figure is the least of three rounds of everything: what else runs on the machine only adds.
"""

import asyncio
import io
import json
import math
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import openai
import pyte
import rich.console
import rich.markdown

from chatrepl.terminal.draw.layout.style import detect_style
from chatrepl.terminal.draw.markdown.stream import MarkdownStream
from tests.benchmarks.long_answers import long_answer
from tests.support import ROOT
from tests.support.servers.sse_server import SseServer
from tests.support.terminal.terminal import Terminal

SIZES_KB: Mapping[str, Sequence[int]] = {
    "mixed": (25, 50, 100, 200),
    "code": (30, 60),
    "paragraph": (30, 60),
    "list": (36, 72),
    "chinese": (20, 40),
}
COLUMNS, ROWS = 100, 40
QUIET_S = 0.6
LAST_WORD = "endmark"
ROUNDS = 3
_PROMPT_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class Flood:
    """Cost of one answer; times in CPU seconds."""

    program_s: float
    wall_s: float
    read_s: float
    sdk_read_s: float
    draw_s: float
    rich_s: float
    written_bytes: int
    rich_bytes: int

    def row(self) -> str:
        """Return the figures as a row of the table."""
        return (
            f"{self.program_s:5.2f} {self.wall_s:6.2f} "
            f"{self.read_s:6.2f} + {self.draw_s:4.2f} {self.ratio(self.read_s):6.2f} "
            f" ({self.sdk_read_s:4.2f}: {self.ratio(self.sdk_read_s):4.2f}) "
            f"{self.program_s / self.rich_s:8.2f} {self.written_bytes / self.rich_bytes:7.2f}"
        )

    def ratio(self, read_s: float) -> float:
        """Return how many times the floors the program took."""
        return self.program_s / (read_s + self.draw_s)


def cpu_s_of(pid: int) -> float:
    """Return the CPU seconds a process and its waited-for children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _content(line: str | bytes) -> str:
    choices = json.loads(line[6:]).get("choices") or [{}]
    return (choices[0].get("delta") or {}).get("content") or ""


def read_floor_s(server: SseServer, text: str) -> float:
    """Return the CPU seconds that reading and parsing the raw events takes."""
    server.answer(text)
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    request = urllib.request.Request(
        server.base_url + "/chat/completions", json.dumps(body).encode(), {"Connection": "close"}
    )
    begun_s = time.thread_time()
    with urllib.request.urlopen(request) as response:
        parts = [_content(line) for line in response if line.startswith(b"data: {")]
    assert "".join(parts) == text
    return time.thread_time() - begun_s


def sdk_read_floor_s(server: SseServer, text: str) -> float:
    """Return the CPU seconds that the same takes with the SDK's client, connected before."""

    async def read() -> float:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="none") as client:
            await client.models.list()
            begun_s = time.thread_time()
            async with client.chat.completions.with_streaming_response.create(
                model="m", messages=[{"role": "user", "content": "x"}], stream=True
            ) as response:
                lines = response.iter_lines()
                parts = [_content(line) async for line in lines if line.startswith("data: {")]
            assert "".join(parts) == text
            return time.thread_time() - begun_s

    server.answer(text)
    return asyncio.run(read())


def draw_floor_s(text: str) -> float:
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
        [sys.executable, "-m", "chatrepl", "--base-url", server.base_url],
        env={"CHATREPL_HOME": home, "PYTHONPATH": str(ROOT), "HOME": home},
        rows=ROWS,
        columns=COLUMNS,
    )
    terminal.wait_for("new session")
    terminal.send("a first short exchange\r")
    terminal.wait_for("You said: a first").wait_until_quiet(0.5)
    terminal.take_bytes_only()
    return terminal


def flood(text: str, server: SseServer, home: str) -> Flood:
    """Stream a text that ends in the last word, and measure it and its floors."""
    rounds = [_flood_once(text, server, home) for _ in range(ROUNDS)]
    names = [field.name for field in fields(Flood)]
    return Flood(**{name: min(getattr(each, name) for each in rounds) for name in names})


def _flood_once(text: str, server: SseServer, home: str) -> Flood:
    with start_program(server, home) as terminal:
        server.answer(text)
        before_s, before_bytes = cpu_s_of(terminal.process.pid), len(terminal.raw)
        begun_s = time.monotonic()
        terminal.send("flood\r")
        terminal.wait_for(lambda t: LAST_WORD.encode() in t.raw[-_PROMPT_BYTES:], 120)
        wall_s = time.monotonic() - begun_s
        terminal.wait_until_quiet(QUIET_S, 60)
        program_s = cpu_s_of(terminal.process.pid) - before_s
        written_bytes = len(terminal.raw) - before_bytes
    draw_floor_s(text)  # Pays for what is loaded late.
    rich_s, rich_bytes = rich_floor(text)
    return Flood(
        program_s,
        wall_s,
        read_s=read_floor_s(server, text),
        sdk_read_s=sdk_read_floor_s(server, text),
        draw_s=draw_floor_s(text),
        rich_s=rich_s,
        written_bytes=written_bytes,
        rich_bytes=rich_bytes,
    )


def main(kinds: Sequence[str]) -> None:
    """Measure each kind at each size, and how the cost grows."""
    print(
        "kind         KB   CPU   wall   read + draw   ratio   (by SDK)     "
        " to rich   bytes to rich's   growth"
    )
    with tempfile.TemporaryDirectory() as home, SseServer() as server:
        for kind in kinds:
            costs: list[tuple[float, float]] = []
            for size_kb in SIZES_KB[kind]:
                measured = flood(long_answer(kind, size_kb, LAST_WORD), server, home)
                costs.append((math.log(size_kb), math.log(measured.program_s)))
                growth = ""
                if size_kb == SIZES_KB[kind][-1]:
                    slope = statistics.linear_regression(*zip(*costs, strict=True)).slope
                    growth = f"{slope:17.2f}"
                print(f"{kind:10} {size_kb:4} {measured.row()}{growth}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(SIZES_KB))
