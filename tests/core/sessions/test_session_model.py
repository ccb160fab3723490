"""Random conversations, with crashes, compared with a simple model.

CHATREPL_MODEL_RUNS says how many conversations of 50 steps are tried.
"""

import asyncio
import os
import tempfile
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.commands.handlers.sessions import choose_at_start
from chatrepl.core.conversation.branches import branch_ends
from chatrepl.core.events import TextDelta
from chatrepl.core.messages import Message, SearchHit, State
from chatrepl.core.sessions.library import SessionChoice
from chatrepl.services.store import SqliteStore
from tests.support.events import errors
from tests.support.fakes import World
from tests.support.model_turns import Gate, Played, script, turn
from tests.support.session_model import Kept, Model, Said
from tests.support.session_talk import collect
from tests.support.store.store_values import crash_image

T = TypeVar("T")
RUNS = int(os.environ.get("CHATREPL_MODEL_RUNS", "12"))
WORDS = st.sampled_from(["apple", "apple pie", "東京", "京", "ab", "a\ud800b", "x\0y", "/apple"])
SOUGHT = st.sampled_from(["apple", "pie apple", "東", "東京", "京", "a", "ab", "q1", "x"])
NAMES = st.sampled_from(["work", "home", "北"])
ENDINGS = st.tuples(st.integers(0, 3), st.sampled_from(["whole", "stopped", "broken"]))


class SessionMachine(RuleBasedStateMachine):
    """A machine that gives each line to program and model, and compares the two."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.world = World()
        self.model = Model()
        self.path = Path(self.folder.name) / "0" / "s.db"
        self.images = self.texts = 0
        self.text_of: dict[str, str] = {}
        self.start()

    def start(self) -> None:
        self.world.store = SqliteStore(self.path)
        self.session = self.world.session()
        self.model.leave()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        try:
            self.compare_the_disk()
        finally:
            self.do(self.world.store.close())
            self.runner.close()
            self.folder.cleanup()

    # Lines.

    def say(self, line: str) -> Played:
        return self.do(turn(self.session, line, None))

    def command(self, line: str, *, works: bool) -> Played:
        played = self.say(line)
        assert (played.errors == []) is works, (line, played.errors)
        return played

    def new_text(self, kind: str, words: str) -> str:
        self.texts += 1
        # What no server can be told is replaced in messages, and said; answers stay as they came.
        sent = words.replace("\ud800", "\ufffd") if kind == "q" else words
        return f"{kind}{self.texts} {sent}"

    @rule(words=WORDS, answered=WORDS, ending=ENDINGS)
    def send(self, words: str, answered: str, ending: tuple[int, str]) -> None:
        question, fallback = self.new_text("q", words), self.model.head
        gate, state, came = script(self.world, self.new_text("a", answered), *ending)
        played = self.do(turn(self.session, question, gate))
        assert self.session.record is not None
        self.model.accept(question, self.session.record.id)
        self.model.answer(question, fallback, came, state, ending[1] == "stopped")
        assert bool(played.errors) is (ending[1] == "broken")
        assert played.draft == (question if state is None else None)

    @rule(answered=WORDS, ending=ENDINGS)
    def retry(self, answered: str, ending: tuple[int, str]) -> None:
        again = self.model.retry()
        if again is None:
            self.command("/retry", works=False)
            return
        question, fallback = again
        gate, state, came = script(self.world, self.new_text("a", answered), *ending)
        played = self.do(turn(self.session, "/retry", gate))
        self.model.answer(question, fallback, came, state, ending[1] == "stopped")
        is_given_back = state is None and fallback == self.model.said[question].parent
        assert played.draft == (question if is_given_back else None)

    @rule(count=st.integers(1, 3))
    def undo(self, count: int) -> None:
        questions = [turn[0] for turn in self.model.turns() if turn[0].startswith("q")]
        works = count <= len(questions)
        played = self.command(f"/undo {count}", works=works)
        if works:
            assert played.draft == questions[-count]
            self.model.step_back(questions[-count])

    @rule()
    def redo(self) -> None:
        self.command("/redo", works=self.model.redo())

    @rule(number=st.none() | st.integers(1, 6))
    def edit(self, number: int | None) -> None:
        path = self.model.path(self.model.head)
        chosen = self.model.last("user") if number is None else None
        if number is not None and number <= len(path) and path[number - 1].startswith("q"):
            chosen = path[number - 1]
        played = self.command(f"/edit {number or ''}", works=chosen is not None)
        if chosen is not None:
            assert played.draft == chosen
            self.model.step_back(chosen)

    @rule(number=st.integers(1, 3))
    def pick(self, number: int) -> None:
        answers, head = self.model.alternatives(), self.model.head
        self.command(f"/pick {number}", works=number <= len(answers))
        is_waiting = head is not None and self.model.said[head].role == "user"
        current = None if is_waiting else self.model.last("assistant")
        if number <= len(answers) and answers[number - 1] != current:
            self.go_to(answers[number - 1])

    def go_to(self, text: str) -> None:
        assert self.model.current is not None
        self.model.undone.clear()
        self.model.write(head=self.model.newest_end(self.model.current, text))

    @precondition(lambda self: self.model.branch_ends())
    @rule(at=st.integers(0, 9))
    def pick_branch(self, at: int) -> None:
        ends = list(branch_ends(self.session.conversation).items())
        letter, end = ends[at % len(ends)]
        self.command(f"/pick {letter}", works=True)
        self.go_to(self.text_of[end])

    @rule(number=st.integers(1, 6), kind=st.sampled_from(["pin", "unpin", "drop", "undrop"]))
    def mark(self, number: int, kind: str) -> None:
        self.command(f"/{kind} {number}", works=self.model.mark(number, kind))

    # Sessions.

    @rule(name=st.none() | NAMES)
    def fork(self, name: str | None) -> None:
        works = self.model.current is not None
        works = works and (name is None or self.model.find(name) is None)
        self.command(f"/fork {name or ''}", works=works)
        if works:
            assert self.session.record is not None
            self.model.fork(name, self.session.record.id)

    @rule(name=NAMES, command=st.sampled_from(["save", "rename"]))
    def name(self, name: str, command: str) -> None:
        works = self.model.is_free(name)
        self.command(f"/{command} {name}", works=works)
        if works:
            self.model.rename(name)

    @rule()
    def begin_anew(self) -> None:
        self.command("/new", works=True)
        self.model.leave()

    def chosen(self, wanted: str | int) -> str:
        """Return a session's name, or the id of one of those there are."""
        if isinstance(wanted, str) or not self.model.kept:
            return str(wanted) if isinstance(wanted, str) else "nowhere"
        return list(self.model.kept)[wanted % len(self.model.kept)]

    @rule(wanted=NAMES | st.integers(0, 9))
    def load(self, wanted: str | int) -> None:
        name = self.chosen(wanted)
        kept = self.model.find(name) or self.model.find(name, deleted=True)
        self.command(f"/load {name}", works=kept is not None)
        if kept is not None:
            self.model.open(kept)

    @rule(wanted=NAMES | st.integers(0, 9), is_sure=st.sampled_from([True, True, False]))
    def delete(self, wanted: str | int, is_sure: bool) -> None:
        name = self.chosen(wanted)
        kept = self.model.find(name)
        self.world.person.says_yes = is_sure
        self.command(f"/delete {name}", works=kept is not None)
        if kept is not None and is_sure:
            kept.is_deleted = True
            if kept is self.model.current:
                self.model.leave()

    @rule(words=SOUGHT, opened=st.none() | st.integers(1, 3))
    def search(self, words: str, opened: int | None) -> None:
        hits = self.hits(words)
        expected = self.model.holding(words)
        found = {self.text_of[hit.message_id] for hit in hits}
        assert len(found) == len(hits) == min(len(expected), 20)
        assert found <= expected
        if opened is None or opened > len(hits):
            return
        hit = hits[opened - 1]
        self.command(f"/load {opened}", works=True)
        kept, text = self.model.kept[hit.session_id], self.text_of[hit.message_id]
        assert text in kept.tree
        self.model.open(kept)
        if text not in self.model.path(kept.head):
            self.model.write(head=self.model.newest_end(kept, text))

    def hits(self, words: str) -> list[SearchHit]:
        self.session.listed = ()
        self.command(f"/search {words}", works=True)
        listed: Sequence[str | SearchHit] = self.session.listed
        return [hit for hit in listed if isinstance(hit, SearchHit)]

    # Ends.

    @rule(crashes=st.booleans(), goes_on=st.booleans())
    def restart(self, crashes: bool, goes_on: bool) -> None:
        old = self.world.store
        if crashes:
            self.path = self.image()
        self.do(old.close())
        self.start()
        self.go_on(goes_on)

    @rule(words=WORDS, answered=WORDS, is_streaming=st.booleans(), retries=st.booleans())
    def crash_in_a_turn(self, words: str, answered: str, is_streaming: bool, retries: bool) -> None:
        again = self.model.retry() if retries else None
        line = "/retry" if again else self.new_text("q", words)
        came = self.new_text("a", answered) if is_streaming else ""
        gate = Gate()
        self.world.model.scripts = [[TextDelta(came), gate] if came else [gate]]
        self.path = self.do(self.run_and_crash(line, gate, came))
        assert self.session.record is not None
        if again is None:
            self.model.accept(line, self.session.record.id)
        if came:
            question = again[0] if again else line
            self.model.write(Said(came, question, "assistant", State.CUT), head=came)
        self.start()
        self.go_on(goes_on=True)

    async def run_and_crash(self, line: str, gate: Gate, came: str) -> Path:
        async def play() -> None:
            async for _ in handle_line(self.session, line):
                pass

        playing = asyncio.create_task(play())
        await gate.reached.wait()
        assert self.session.record is not None
        for _ in range(500):
            loaded = await self.world.store.load(self.session.record.id)
            if not came or any(message.content == came for message in loaded.messages):
                break
            await asyncio.sleep(0.01)
        image = self.image()
        self.session.stop()
        await playing
        await self.world.store.close()
        return image

    def image(self) -> Path:
        """Copy the files as they are now: what is left if the process dies at this moment."""
        if not self.path.exists():
            return self.path
        self.images += 1
        return crash_image(self.path, Path(self.folder.name) / f"image {self.images}")

    def go_on(self, goes_on: bool) -> None:
        self.compare_the_disk()
        if not goes_on:
            return
        choice = SessionChoice(newest=True)
        assert errors(self.do(collect(choose_at_start(self.session, choice)))) == []
        newest = self.model.newest()
        if newest is not None:
            self.model.open(newest)

    # Comparing.

    def told(self, messages: list[Message]) -> list[Said]:
        self.text_of.update((message.id, message.content) for message in messages)
        return [
            Said(
                message.content,
                None if message.parent is None else self.text_of[message.parent],
                message.role,
                message.state,
            )
            for message in messages
        ]

    @invariant()
    def the_session_in_use_is_as_the_model_has_it(self) -> None:
        model, conversation = self.model, self.session.conversation
        tree = model.current.tree if model.current else []
        assert self.told(list(conversation.all())) == [model.said[text] for text in tree]
        assert [m.content for m in conversation.path] == model.path(model.head)
        assert self.session.name == (model.current.name if model.current else model.name)
        ends = {self.text_of[end] for end in branch_ends(conversation).values()}
        assert ends == model.branch_ends()
        if model.current is not None:
            self.compare_kept(model.current)

    def compare_kept(self, kept: Kept) -> None:
        loaded = self.do(self.world.store.load(kept.id))
        said = self.told(list(loaded.messages))
        assert said == [self.model.said[text] for text in kept.tree]
        head = loaded.record.head
        assert (None if head is None else self.text_of[head]) == kept.head
        assert loaded.record.name == kept.name
        assert {self.text_of[id_] for id_ in loaded.marks.pinned} == kept.pinned
        assert {self.text_of[id_] for id_ in loaded.marks.dropped} == kept.dropped

    def compare_the_disk(self) -> None:
        for deleted in (False, True):
            listed = self.do(self.world.store.sessions(deleted=deleted))
            expected = [kept for kept in self.model.kept.values() if kept.is_deleted is deleted]
            assert {(one.id, one.name, one.message_count) for one in listed} == {
                (kept.id, kept.name, len(kept.tree)) for kept in expected
            }
        for kept in self.model.kept.values():
            self.compare_kept(kept)
        assert self.world.store.warnings == []


@pytest.mark.timeout(120 + 5 * RUNS)
def test_sessions_agree_with_a_simple_model_over_random_lines_and_crashes() -> None:
    run_state_machine_as_test(
        SessionMachine,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
