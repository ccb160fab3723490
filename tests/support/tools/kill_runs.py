"""Kills of the real program at random moments, and checks of the disk after each.

``python -m tests.support.tools.kill_runs 500`` runs it in a pseudo-terminal against a server.
An accepted message is one that the server got; a finished answer one that was wholly sent a second
before the kill, or that a later message followed. Of an answer that was still arriving, it measures
how long ago the first character that is lost had been sent.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chatrepl.core.messages import Message, State
from chatrepl.services.store import SqliteStore
from tests.support import ROOT
from tests.support.servers.sse_replies import Raw, RecordedRequest, Reply, event, text_of
from tests.support.servers.sse_server import SseServer
from tests.support.terminal.terminal import Terminal

__all__ = ["STAGES", "Report", "kill_often"]

STAGES = ("starting", "idle", "accepting", "connecting", "streaming", "saving", "leaving")
_RUNS_PER_HOME = 8
_FINISHED_S = 1.0
_PROMPT = "\u276f"
_BAD_SIGNS = ("Traceback", "NOT SAVED", "damaged", "cannot", "Error")


class Sent(Sequence[bytes | float]):
    """A streamed answer that notes when each of its pieces went out."""

    def __init__(self, words: Sequence[str], first_pause_s: float, pause_s: float) -> None:
        self.words, self.first_pause_s, self.pause_s = words, first_pause_s, pause_s
        self.times_s: list[float] = []
        self.ended_s: float | None = None

    @property
    def text(self) -> str:
        return "".join(self.words)

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, index: object) -> bytes:
        raise NotImplementedError(index)

    def __iter__(self) -> Iterator[bytes | float]:
        # Looked at once before it is sent: the pause must come before anything is noted.
        yield self.first_pause_s
        for word in self.words:
            delta = {"choices": [{"index": 0, "delta": {"content": word}}]}
            self.times_s.append(time.monotonic())
            yield event({"id": "r", "object": "chat.completion.chunk", "model": "m", **delta})
            yield self.pause_s
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        yield event({"id": "r", "object": "chat.completion.chunk", "model": "m", **end})
        yield event("[DONE]")
        self.ended_s = time.monotonic()


@dataclass
class Report:
    """Losses and figures of all kills."""

    runs: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    finished: int = 0
    cut: int = 0
    told: int = 0
    """Starts that told of a recovered answer."""
    losses_ms: list[float] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    """What is known of losses over 250 ms."""
    faults: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        stages = ", ".join(f"{stage} {self.runs[stage]}" for stage in STAGES)
        worst = max(self.losses_ms, default=0.0)
        return [
            f"{sum(self.runs.values())} kills: {stages}",
            f"{self.accepted} accepted messages, {self.finished} finished answers,"
            f" {self.cut} answers cut, {self.told} starts told of a recovered one",
            f"lost of arriving text: {worst:.0f} ms at worst, more than 250 ms"
            f" {len(self.late)} times",
            *self.late,
            f"{len(self.faults)} faults",
            *self.faults,
        ]


class _Home:
    """One data folder, and all messages sent from it."""

    def __init__(self, folder: Path, server: SseServer) -> None:
        self.folder, self.server = folder, server
        self.sent: dict[str, Sent] = {}
        """Answers by the message they answer; one for each message that the server got."""
        self.killed_s = 0.0
        self.left_s = float("inf")
        self.stage = ""

    def start(self) -> Terminal:
        arguments = [sys.executable, "-m", "chatrepl", "-c", "-m", "m"]
        env = {
            "HOME": str(self.folder),
            "CHATREPL_HOME": str(self.folder / "chatrepl"),
            "PYTHONPATH": str(ROOT),
            "OPENAI_BASE_URL": self.server.base_url,
            "NO_PROXY": "127.0.0.1",
        }
        return Terminal(arguments, rows=50, columns=100, env=env)

    def load(self) -> list[Message]:
        async def work() -> list[Message]:
            store = SqliteStore(self.folder / "chatrepl" / "sessions.db")
            try:
                found = [await store.load(one.id) for one in await store.sessions()]
                if store.warnings:
                    raise AssertionError(str(store.warnings))
                return [message for loaded in found for message in loaded.messages]
            finally:
                await store.close()

        return asyncio.run(work())


class _Killer:
    def __init__(self, server: SseServer, chance: random.Random, report: Report) -> None:
        self.server, self.chance, self.report = server, chance, report
        self.home: _Home | None = None
        self.pauses = (0.0, 0.0)
        self.words = 20

    def reply(self, request: RecordedRequest) -> Reply:
        """Answer each message once, as the run's stage wants it."""
        assert self.home is not None
        said = text_of(request.messages[-1]["content"])
        words = [f"{said}:{number} " for number in range(self.words)]
        sent = self.home.sent[said] = Sent(words, *self.pauses)
        return Raw(sent)

    def run(self, number: int, stage: str) -> None:
        """Start, check what the last kill left, talk, and kill."""
        home, chance = self.home, self.chance
        assert home is not None
        self.report.runs[stage] += 1
        with home.start() as terminal:
            if stage == "starting":
                time.sleep(chance.uniform(0.0, 1.5))
                self._kill(terminal)
                return
            terminal.wait_for(lambda _: _is_ready(terminal), 60)
            self.check(home, terminal)
            for turn in range(chance.randrange(3)):
                self.pauses, self.words = (0.0, 0.0), chance.randrange(1, 200)
                self._say(terminal, f"m{number}.{turn}")
                self._wait_for_end(home, f"m{number}.{turn}")
            home.stage, home.left_s = stage, float("inf")
            self._reach(home, terminal, f"m{number}.last", stage)
            home.killed_s = time.monotonic()
            self._kill(terminal)

    def _reach(self, home: _Home, terminal: Terminal, text: str, stage: str) -> None:
        chance = self.chance
        self.words = chance.randrange(20, 300)
        self.pauses = (chance.uniform(0, 0.6), chance.uniform(0.0, 0.03))
        match stage:
            case "idle":
                time.sleep(chance.uniform(0, 0.5))
            case "accepting":
                terminal.send(text + "\r")
                time.sleep(chance.uniform(0, 0.1))
            case "connecting":
                self.pauses = (1.0, 0.0)
                self._say(terminal, text)
                time.sleep(chance.uniform(0, 0.9))
            case "streaming":
                self._say(terminal, text)
                time.sleep(self.pauses[0] + chance.uniform(0, self.words * self.pauses[1] + 0.1))
            case "saving":
                self.pauses = (0.0, 0.002)
                self._say(terminal, text)
                self._wait_for_end(home, text)
                time.sleep(chance.uniform(0, 0.06))
            case "leaving":
                if chance.random() < 0.5:
                    self._say(terminal, text)
                    time.sleep(chance.uniform(0, 0.5))
                # Leaving stops the answer: what is sent from now on is not the program's to keep.
                home.left_s = time.monotonic()
                terminal.send("\x04" if chance.random() < 0.5 else "/exit\r")
                time.sleep(chance.uniform(0, 0.3))
            case _:
                raise ValueError(stage)

    def _say(self, terminal: Terminal, text: str) -> None:
        assert self.home is not None
        terminal.send(text + "\r")
        deadline_s = time.monotonic() + 60
        while text not in self.home.sent:
            if time.monotonic() > deadline_s:
                raise AssertionError(f"{text} never left:\n{terminal.text()}")
            time.sleep(0.002)

    def _wait_for_end(self, home: _Home, text: str) -> None:
        while home.sent[text].ended_s is None:
            time.sleep(0.001)

    def _kill(self, terminal: Terminal) -> None:
        if terminal.process.poll() is None:
            terminal.process.kill()
        terminal.process.wait()

    def check(self, home: _Home, terminal: Terminal) -> None:
        """Compare what is on disk with what was sent before the kill."""
        shown = terminal.everything()
        for sign in _BAD_SIGNS:
            if sign in shown:
                self.report.faults.append(f"a start showed {sign!r}:\n{shown}")
        self.report.told += "recovered" in shown
        if not home.sent:
            return
        messages = home.load()
        questions = {m.content: m for m in messages if m.role == "user"}
        answers = {m.parent: m for m in messages if m.role == "assistant"}
        told = list(home.sent)
        for at, text in enumerate(told):
            self.report.accepted += 1
            question = questions.get(text)
            if question is None:
                self.report.faults.append(f"the accepted message {text} is lost")
                continue
            self._compare(home, home.sent[text], answers.get(question.id), at < len(told) - 1)
        home.sent.clear()

    def _compare(self, home: _Home, sent: Sent, kept: Message | None, is_followed: bool) -> None:
        ended_s = sent.ended_s
        is_finished = ended_s is not None and (is_followed or ended_s < home.killed_s - _FINISHED_S)
        text = kept.content if kept is not None else ""
        if is_finished:
            self.report.finished += 1
            if kept is None or text != sent.text or kept.state is not State.COMPLETE:
                state = None if kept is None else kept.state
                self.report.faults.append(f"a finished answer is {state} with {len(text)} chars")
            return
        if not sent.text.startswith(text):
            self.report.faults.append(f"an answer holds what was not sent: {text[-80:]!r}")
            return
        self.report.cut += kept is not None and kept.state is State.CUT
        known = 0
        for word, sent_s in zip(sent.words, sent.times_s, strict=False):
            known += len(word)
            if sent_s >= home.left_s:
                break
            if known > len(text):
                self._note_loss(home, sent, len(text), max(0.0, (home.killed_s - sent_s) * 1000))
                break

    def _note_loss(self, home: _Home, sent: Sent, kept: int, loss_ms: float) -> None:
        self.report.losses_ms.append(loss_ms)
        if loss_ms > 250:
            went_out_ms = (home.killed_s - sent.times_s[0]) * 1000
            self.report.late.append(
                f"{home.stage}: {loss_ms:.0f} ms lost, {kept} characters kept; the answer had"
                f" begun {went_out_ms:.0f} ms before, a piece every {sent.pause_s * 1000:.1f} ms"
            )


def _is_ready(terminal: Terminal) -> bool:
    # The lists are there, and what was recovered is told, once the start's last words are.
    shown = terminal.text()
    said = "going on with" in shown or "no session is saved yet" in shown
    return said and any(row.startswith(_PROMPT) for row in shown.split("\n")[-8:])


def kill_often(runs: int, seed: int = 0, *, is_loud: bool = False) -> Report:
    """Kill the program so many times; the stages take turns, the moments are random."""
    report = Report()
    chance = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="chatrepl-kill-"))
    killer: _Killer

    def reply(request: RecordedRequest) -> Reply:
        return killer.reply(request)

    try:
        with SseServer(default=reply) as server:
            killer = _Killer(server, chance, report)
            for number in range(runs):
                if number % _RUNS_PER_HOME == 0:
                    _check_last(killer)
                    home = folder / str(number)
                    home.mkdir(mode=0o700)
                    killer.home = _Home(home, server)
                killer.run(number, STAGES[(number + number // len(STAGES)) % len(STAGES)])
                if is_loud:
                    print(json.dumps({"run": number, "faults": len(report.faults)}), flush=True)
            _check_last(killer)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _check_last(killer: _Killer) -> None:
    home = killer.home
    if home is None:
        return
    with home.start() as terminal:
        terminal.wait_for(lambda _: _is_ready(terminal), 60)
        killer.check(home, terminal)


def main() -> int:
    """Run as often as the command line says, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int, nargs="?", default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--loud", action="store_true")
    options = parser.parse_args()
    report = kill_often(options.runs, options.seed, is_loud=options.loud)
    print("\n".join(report.lines()))
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
