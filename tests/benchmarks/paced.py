"""Cost and delay of an answer at a steady pace.

``python -m tests.benchmarks.paced [SECONDS [TOKENS_A_SECOND]]`` prints the program's share of a
core, and the delay from the server's write to the terminal's read: median and 95th percentile.
"""

import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from typing import overload

from tests.benchmarks.flood import cpu_s_of, start_program
from tests.support.servers.sse_replies import event
from tests.support.servers.sse_server import SseServer

_MARK = re.compile(rb"w(\d{5})e")


class PacedWords(Sequence[bytes | float]):
    """A reply's pieces, made when they are sent: marked words, and pauses between them."""

    def __init__(self, count: int, pause_s: float) -> None:
        self.word_count, self.pause_s = count, pause_s
        self.sent_s: dict[int, float] = {}

    def __iter__(self) -> Iterator[bytes | float]:
        next_s = time.monotonic()
        for number in range(self.word_count):
            # Sixteen words to a paragraph; a list item now and then.
            before = "\n\n" if number % 80 == 0 else "\n- " if number % 16 == 0 else " "
            choice = {"index": 0, "delta": {"content": f"{before}w{number:05d}e"}}
            self.sent_s[number] = time.monotonic()
            yield event({"choices": [choice]})
            next_s += self.pause_s
            yield max(0.0, next_s - time.monotonic())
        yield event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        yield b"data: [DONE]\n\n"

    def __len__(self) -> int:
        return 2 * self.word_count + 2

    @overload
    def __getitem__(self, index: int) -> bytes | float: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes | float]: ...
    def __getitem__(self, index: int | slice) -> bytes | float | Sequence[bytes | float]:
        return list(self)[index]


def main(seconds: float, tokens_a_second: float) -> None:
    """Measure and print."""
    words = PacedWords(int(seconds * tokens_a_second), 1 / tokens_a_second)
    seen_s: dict[int, float] = {}
    stop = threading.Event()
    with (
        tempfile.TemporaryDirectory() as home,
        SseServer() as server,
        start_program(server, home) as terminal,
    ):
        position = len(terminal.raw)

        def watch() -> None:
            nonlocal position
            while not stop.wait(0.001):
                data = bytes(terminal.raw[position:])
                now_s = time.monotonic()
                for found in _MARK.finditer(data):
                    seen_s.setdefault(int(found[1]), now_s)
                position += max(0, len(data) - 8)

        watching = threading.Thread(target=watch)
        watching.start()
        server.raw(words)
        before_s, begun_s = cpu_s_of(terminal.process.pid), time.monotonic()
        terminal.send("go\r")
        terminal.wait_for(lambda _: words.word_count - 1 in seen_s, 3 * seconds + 20)
        wall_s = time.monotonic() - begun_s
        cpu_s = cpu_s_of(terminal.process.pid) - before_s
        stop.set()
        watching.join()
    delays_ms = [1000 * (seen_s[n] - words.sent_s[n]) for n in seen_s]
    print(f"share of a core   {cpu_s / wall_s:6.1%}   ({cpu_s:.2f} s in {wall_s:.1f} s)")
    print(f"delay, median     {statistics.median(delays_ms):6.1f} ms")
    print(f"delay, 95th       {statistics.quantiles(delays_ms, n=20)[-1]:6.1f} ms")
    print(f"words seen        {len(seen_s)} of {words.word_count}")


if __name__ == "__main__":
    main(
        float(sys.argv[1]) if len(sys.argv) > 1 else 10,
        float(sys.argv[2]) if len(sys.argv) > 2 else 100,
    )
