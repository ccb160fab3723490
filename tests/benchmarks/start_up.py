"""Time from spawn to a prompt that echoes a key, beside a six-line prompt.

``python -m tests.benchmarks.start_up [RUNS]`` prints medians and their ratio; runs alternate.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence

from tests.support import ROOT
from tests.support.servers.sse_server import SseServer
from tests.support.terminal.terminal import Terminal

FLOOR = """
from prompt_toolkit import PromptSession
session = PromptSession()
while True:
    text = session.prompt("> ")
    if not text:
        break
"""
MARK = "~"


def echo_s(argv: Sequence[str], home: str) -> float:
    """Return the seconds from spawn until a key typed at the prompt shows."""
    environment = {"CHATREPL_HOME": home, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    begun_s = time.perf_counter()
    with Terminal(argv, env=environment) as terminal:
        terminal.wait_for(lambda t: "> " in t.text() or "❯" in t.text() or ">" in t.text())  # noqa: RUF001
        terminal.send(MARK)
        terminal.wait_for(MARK)
        return time.perf_counter() - begun_s


def main(runs: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as home, SseServer() as server:
        programs = {
            "six-line prompt": [sys.executable, "-c", FLOOR],
            "chatrepl": [sys.executable, "-m", "chatrepl", "--base-url", server.base_url],
        }
        times: dict[str, list[float]] = {name: [] for name in programs}
        for number in range(runs + 1):
            for name, argv in programs.items():
                seconds = echo_s(argv, home)
                if number:
                    times[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in medians.items():
        print(f"{name:16} {seconds * 1000:7.1f} ms")
    print(f"ratio            {medians['chatrepl'] / medians['six-line prompt']:7.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
