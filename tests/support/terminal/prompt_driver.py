"""A small program around the live prompt, run in a pseudo-terminal by the tests.

The prompt's calls are printed as ``<submit 'text'>`` and the like, and written as JSON lines to
``DRIVER_LOG``.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chatrepl.terminal.tty.raw_mode import exit_by_signal, hold_terminal

HELD = hold_terminal()

from chatrepl.terminal.prompt.prompt import LivePrompt  # noqa: E402 as the real program does

SETTINGS = json.loads(os.environ.get("DRIVER", "{}"))
COMMANDS = ["/help", "/history", "/model", "/models"]


@dataclass(frozen=True)
class Item:
    text: str
    start: int
    description: str = ""


class Program:
    """The prompt's actions: each call is recorded, and some lines start a test's work."""

    def __init__(self) -> None:
        home = os.environ.get("DRIVER_HISTORY")
        self.prompt = LivePrompt(
            actions=self,
            held=HELD,
            history_file=Path(home) if home else None,
            vi=SETTINGS.get("vi", False),
            unicode=SETTINGS.get("unicode", True),
        )
        self.flood: asyncio.Task[None] | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.is_busy_flag = False

    def log(self, kind: str, text: object) -> None:
        with Path(os.environ["DRIVER_LOG"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps([kind, text]) + "\n")

    def submit(self, text: str) -> None:
        self.log("submit", text)
        name, *words = text.split()
        if command := getattr(self, "do_" + name, None):
            self.spawn(command(*words))
        elif SETTINGS.get("echo", True):
            self.prompt.print([f"<submit {text[:60]!r}>"])

    def stop(self) -> bool:
        self.log("stop", "")
        if self.is_busy_flag:
            self.is_busy_flag = SETTINGS.get("unstoppable", False)
            self.prompt.print(["<stop>"])
            return True
        return False

    def is_busy(self) -> bool:
        return self.is_busy_flag

    def complete(self, before: str) -> Sequence[Item]:
        if not before.startswith("/"):
            return []
        return [Item(c, -len(before), f"about {c}") for c in COMMANDS if c.startswith(before)]

    def toolbar(self) -> str:
        return str(SETTINGS.get("toolbar", "toolbar · model · 12 of 8,192 tokens"))

    def take_waiting(self) -> str | None:
        return None

    def open_found(self) -> None:
        return

    def resized(self) -> None:
        self.log("resize", [*os.get_terminal_size(HELD.output_fd)])

    def edit_last(self) -> None:
        self.log("edit_last", "")
        self.prompt.set_draft("the last message")

    def leave(self) -> None:
        self.log("leave", "")
        self.prompt.leave()

    def spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def do_flood(self, count: str, width: str = "60", delay: str = "0") -> None:
        """Print marked lines one by one with a tail, as an answer does."""
        self.is_busy_flag = True
        for number in range(int(count)):
            if not self.is_busy_flag:
                break
            await self.prompt.ready()
            self.prompt.print([f"<{number:05d}>" + "x" * (int(width) - 7)])
            self.prompt.show_tail([f"tail {number} " + "y" * 50, "\x1b[1mtail end\x1b[0m"])
            await asyncio.sleep(float(delay))
        self.prompt.show_tail([])
        self.is_busy_flag = False
        self.prompt.print(["<flood over>"])

    async def do_stream(self, count: str) -> None:
        """Print the rows of the last tail, 30 times a second, at full width."""
        rows = [f"<{n:05d}>" for n in range(int(count))]
        done = 0
        while done < len(rows):
            width = self.prompt.columns
            ready = [row.ljust(width - 1, "s") for row in rows[done : done + 2]]
            self.prompt.print(ready)
            done += 2
            self.prompt.show_tail([row.ljust(width - 1, "t") for row in rows[done : done + 3]])
            await asyncio.sleep(0.033)
        self.prompt.print(["<stream over>"])

    async def do_burst(self, count: str, width: str = "60") -> None:
        """Hand over all lines at once."""
        self.prompt.print([f"<{n:05d}>" + "x" * (int(width) - 7) for n in range(int(count))])
        await self.prompt.ready()
        self.prompt.print(["<burst over>"])

    async def do_tail(self, count: str, width: str = "20") -> None:
        self.prompt.show_tail([f"tail {n} " + "t" * int(width) for n in range(int(count))])

    async def do_busy(self) -> None:
        self.is_busy_flag = True
        self.prompt.show_status("\x1b[33mwaiting\x1b[0m")

    async def do_background(self) -> None:
        await self.prompt.ask_background()
        self.log("background", self.prompt.background)

    async def do_queue(self, *texts: str) -> None:
        self.prompt.show_queued(texts)

    async def do_confirm(self) -> None:
        self.log("confirmed", await self.prompt.confirm("Really?"))

    async def do_secret(self) -> None:
        self.log("secret", await self.prompt.ask_text("Key:", secret=True))

    async def do_child(self, *command: str) -> None:
        async def run() -> int:
            process = await asyncio.create_subprocess_exec(*command)
            return await process.wait()

        self.log("child", await self.prompt.run_child(run))

    async def do_fail(self) -> None:
        self.prompt._fail(RuntimeError("broken"))

    async def do_draft(self, text: str) -> None:
        self.log("draft", self.prompt.set_draft(text))


async def main() -> int | None:
    program = Program()
    for text in SETTINGS.get("start", []):
        asyncio.get_running_loop().call_later(0.05, program.submit, text)
    number = await program.prompt.run()
    if number is not None:
        # What is to be saved is saved here; closing a window often sends more than one signal.
        if SETTINGS.get("hang_up_again"):
            os.kill(os.getpid(), signal.SIGHUP)
        program.log("save", number)
    return number


if __name__ == "__main__":
    with HELD:
        number = asyncio.run(main())
    if number is not None:
        exit_by_signal(number)
    print("bye", file=sys.stdout)
