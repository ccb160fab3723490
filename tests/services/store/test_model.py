"""Comparison of the store with a model in memory over random histories, with crashes.

CHATREPL_MODEL_RUNS is the number of histories, of 50 steps each.
"""

import asyncio
import os
import tempfile
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from chatrepl.core.errors import UsageError
from chatrepl.core.messages import Marks, Message, SessionRecord, State
from chatrepl.services.store import SqliteStore
from chatrepl.services.store.search.ranking import fold, score
from tests.support.store.store_values import at, crash_image, message, session, streaming

T = TypeVar("T")
RUNS = int(os.environ.get("CHATREPL_MODEL_RUNS", "40"))
TEXTS = st.text("ab東京\ud800\0 \n", max_size=6)
ENDS = st.tuples(TEXTS, st.sampled_from([State.COMPLETE, State.STOPPED, State.CUT]), st.booleans())
WORDS = ("a", "ab", "aba", "東", "東京", "a 京", "b\ud800", "京東京")
NAMES = st.sampled_from([None, "work", "home", "\ud800"])


@dataclass
class Session:
    record: SessionRecord
    tree: set[str] = field(default_factory=set)
    marks: Marks = field(default_factory=Marks)
    deleted: datetime | None = None
    written: int = 0
    told: list[str] = field(default_factory=list)


class StoreMachine(RuleBasedStateMachine):
    """State machine that applies every operation to store and model, and compares them."""

    sessions = Bundle("sessions")
    messages = Bundle("messages")
    answers = Bundle("answers")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.moment = at(0)
        self.path = Path(self.folder.name) / "0" / "s.db"
        self.images = 0
        self.open()
        self.known: dict[str, Session] = {}
        self.stored: dict[str, Message] = {}
        self.owner: dict[str, str] = {}
        self.counts: dict[tuple[str, str], int] = {}
        self.order: list[str] = []
        self.writes = 0

    def open(self) -> None:
        self.store = SqliteStore(self.path, clock=lambda: self.moment)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        try:
            self.compare_everything()
        finally:
            self.do(self.store.close())
            self.runner.close()
            self.folder.cleanup()

    def compare_everything(self) -> None:
        for deleted in (False, True):
            self.compare_list(deleted)
        for name in (None, "work", "home", "\ud800"):
            self.compare_found(name)
        for words in WORDS:
            self.compare_hits(words)
        for id_ in self.known:
            self.compare_session(id_)

    def touch(self, id_: str, head: str | None = "same", *, new: Sequence[Message] = ()) -> None:
        known = self.known[id_]
        self.writes += 1
        known.written = self.writes
        for added in new:
            if added.id not in self.stored:
                self.order.append(added.id)
                self.owner[added.id] = id_
            self.stored[added.id] = added
            self.inherit(known, added.id)
        updated = max([known.record.updated, *(m.created for m in new)])
        known.record = replace(known.record, updated=updated)
        if head != "same":
            known.record = replace(known.record, head=head)
            self.inherit(known, head)

    def inherit(self, known: Session, id_: str | None) -> None:
        while id_ is not None and id_ not in known.tree:
            known.tree.add(id_)
            id_ = self.stored[id_].parent

    def is_taken(self, name: str | None, but_of: str) -> bool:
        return name is not None and any(
            other.record.name == name and other.deleted is None
            for id_, other in self.known.items()
            if id_ != but_of
        )

    @initialize(target=sessions)
    def first(self) -> str:
        return self.create_session("s0", None, None)

    def create_session(self, id_: str, name: str | None, head: str | None) -> str:
        record = session(id_, name=name, head=head, created=self.moment, updated=self.moment)
        if self.is_taken(name, id_):
            with pytest.raises(UsageError):
                self.do(self.store.create(record))
            record = replace(record, name=None)
        self.do(self.store.create(record))
        self.known[id_] = Session(record)
        self.touch(id_, head)
        return id_

    @rule(target=sessions, name=NAMES, head=st.none() | messages)
    def create(self, name: str | None, head: str | None) -> str:
        return self.create_session(f"s{len(self.known)}", name, head)

    def new_message(self, parent: str | None, role: str, text: str) -> Message:
        id_ = f"{'u' if role == 'user' else 'a'}{len(self.stored)}"
        return message(id_, parent, content=text, created=self.moment, extra={"n": text})

    @rule(
        target=messages,
        to=sessions,
        parent=st.none() | messages,
        texts=st.lists(TEXTS, min_size=1, max_size=3),
    )
    def send(self, to: str, parent: str | None, texts: list[str]) -> Any:
        added: list[Message] = []
        for text in texts:
            before = added[-1].id if added else parent or self.known[to].record.head
            new = self.new_message(before, "user", text)
            added.append(replace(new, id=f"{new.id}.{len(added)}"))
        self.do(self.store.add(to, added, added[-1].id))
        self.touch(to, added[-1].id, new=added)
        return multiple(*(m.id for m in added))

    @rule(
        target=answers,
        to=sessions,
        pieces=st.lists(st.tuples(TEXTS, TEXTS), max_size=3),
        first=TEXTS,
        end=st.none() | ENDS,
    )
    def answer(
        self,
        to: str,
        pieces: list[tuple[str, str]],
        first: str,
        end: tuple[str, State, bool] | None,
    ) -> Any:
        head = self.known[to].record.head
        begun = streaming(f"a{len(self.stored)}", head, content=first, created=self.moment)
        self.do(self.store.begin_answer(to, begun))
        self.touch(to, new=[begun])
        for text, reasoning in pieces:
            self.do(self.store.append(begun.id, text, reasoning))
            begun = replace(
                begun, content=begun.content + text, reasoning=begun.reasoning + reasoning
            )
        self.stored[begun.id] = begun
        if end is not None:
            self.end_answer(to, begun.id, end)
        return (to, begun.id) if end is None else multiple()

    @rule(target=messages, answer=consumes(answers), end=ENDS)
    def finish(self, answer: tuple[str, str], end: tuple[str, State, bool]) -> str:
        self.end_answer(*answer, end)
        return answer[1]

    def end_answer(self, to: str, id_: str, end: tuple[str, State, bool]) -> None:
        text, state, moves = end
        # Also one that was recovered meanwhile: its writer may only have seemed dead.
        ended = replace(self.stored[id_], content=text, reasoning="r", state=state, model="m")
        head = id_ if moves else self.known[to].record.head
        self.do(self.store.finish_answer(to, ended, head))
        self.touch(to, head, new=[ended])
        self.counts = {key: n for key, n in self.counts.items() if key[0] != id_}
        if id_ in self.known[to].told:
            self.known[to].told.remove(id_)

    @rule(to=sessions, id_=messages, steps=st.booleans())
    def fail(self, to: str, id_: str, steps: bool) -> None:
        head = self.stored[id_].parent if steps else id_
        self.do(self.store.set_state(to, id_, State.FAILED, head))
        self.stored[id_] = replace(self.stored[id_], state=State.FAILED)
        self.touch(to, head)

    @rule(to=sessions, head=st.none() | messages, name=NAMES, title=TEXTS)
    def update(self, to: str, head: str | None, name: str | None, title: str) -> None:
        changed = replace(
            self.known[to].record, head=head, name=name, title=title, settings={"system": title}
        )
        if self.known[to].deleted is None and self.is_taken(name, to):
            with pytest.raises(UsageError):
                self.do(self.store.update(changed))
            return
        if self.known[to].deleted is not None and self.is_taken(name, to):
            return
        self.do(self.store.update(changed))
        self.known[to].record = changed
        self.touch(to, head)

    @rule(
        to=sessions,
        pinned=st.lists(messages, max_size=3),
        dropped=st.lists(messages, max_size=3),
        tokens=st.integers(0, 9),
    )
    def mark_and_count(self, to: str, pinned: list[str], dropped: list[str], tokens: int) -> None:
        tree = self.known[to].tree
        marks = Marks(frozenset(pinned) & tree, frozenset(dropped) & tree)
        self.do(self.store.set_marks(to, marks))
        self.known[to].marks = marks
        self.touch(to)
        streams = [id_ for id_ in tree if self.stored[id_].state is State.STREAMING]
        counts = {(id_, "o200k"): tokens for id_ in (*pinned, *dropped, *streams)}
        self.do(self.store.set_counts({**counts, ("never", "o200k"): 1}))
        self.counts |= counts

    @rule(id_=sessions, deletes=st.booleans())
    def use_bin(self, id_: str, deletes: bool) -> None:
        known = self.known[id_]
        if deletes:
            self.do(self.store.delete(id_))
            known.deleted = known.deleted or self.moment
            return
        self.do(self.store.restore(id_))
        if known.deleted is not None and self.is_taken(known.record.name, id_):
            known.record = replace(known.record, name=None)
        known.deleted = None

    @rule(minutes=st.integers(-5, 60))
    def time_passes(self, minutes: int) -> None:
        self.moment = self.moment + (at(minutes) - at(0))

    @rule(crashes=st.booleans())
    def restart(self, crashes: bool) -> None:
        old, self.images = self.path, self.images + 1
        if crashes:
            self.path = crash_image(old, Path(self.folder.name) / f"image {self.images}")
        self.do(self.store.close())
        self.open()
        self.recover()

    def recover(self) -> None:
        for id_ in self.order:
            left = self.stored[id_]
            if left.state is not State.STREAMING:
                continue
            if not (left.content or left.reasoning):
                self.stored[id_] = replace(left, state=State.FAILED)
                continue
            self.stored[id_] = replace(left, state=State.CUT)
            known = self.known[self.owner[id_]]
            known.told.append(id_)
            if known.record.head == left.parent:
                known.record = replace(known.record, head=id_)

    @rule(words=st.sampled_from(WORDS))
    def search(self, words: str) -> None:
        self.compare_hits(words)

    def compare_hits(self, words: str) -> None:
        wanted = list(dict.fromkeys(fold(words).split()))
        visible = set[str]().union(*(s.tree for s in self.known.values() if s.deleted is None))
        expected = []
        for number, id_ in enumerate(self.order):
            folded = fold(self.stored[id_].content)
            is_ended = self.stored[id_].state is not State.STREAMING
            if id_ in visible and is_ended and all(word in folded for word in wanted):
                expected.append((score(folded, wanted), number, id_))
        hits = self.do(self.store.search(words, 0))
        assert [hit.message_id for hit in hits] == [x[2] for x in sorted(expected, reverse=True)]
        for hit in hits:
            assert hit.message_id in self.known[hit.session_id].tree
            assert self.known[hit.session_id].deleted is None

    def compare_list(self, deleted: bool) -> None:
        expected = [s for s in self.known.values() if (s.deleted is not None) is deleted]
        expected.sort(key=lambda s: (s.record.updated, s.written), reverse=True)
        found = self.do(self.store.sessions(deleted=deleted))
        for summary, known in zip(found, expected, strict=True):
            assert (summary.id, summary.name, summary.title, summary.deleted) == (
                known.record.id,
                known.record.name,
                known.record.title,
                known.deleted,
            )
            assert summary.message_count == len(known.tree)

    def compare_found(self, name: str | None) -> None:
        alive = [s for s in self.known.values() if s.deleted is None]
        newest = self.do(self.store.newest())
        last = max(alive, key=lambda s: s.written, default=None)
        assert newest == (None if last is None else last.record)
        if name is not None:
            named = next((s.record for s in alive if s.record.name == name), None)
            assert self.do(self.store.find(name)) == named

    @rule(id_=sessions)
    def load(self, id_: str) -> None:
        self.compare_session(id_)

    def compare_session(self, id_: str) -> None:
        loaded = self.do(self.store.load(id_))
        known = self.known[id_]
        tree = [self.stored[i] for i in self.order if i in known.tree]
        assert loaded.messages == tree
        assert loaded.record == known.record
        assert loaded.marks == known.marks
        assert sorted(loaded.recovered) == sorted(known.told)
        known.told.clear()
        assert loaded.counts == {k: v for k, v in self.counts.items() if k[0] in known.tree}

    @invariant()
    def nothing_to_warn_of(self) -> None:
        assert self.store.warnings == []


@pytest.mark.timeout(120 + 4 * RUNS)
def test_the_store_and_a_model_in_memory_hold_the_same_whatever_happens() -> None:
    run_state_machine_as_test(
        StoreMachine,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
