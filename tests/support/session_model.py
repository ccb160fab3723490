"""A simple model of sessions: no message ids, no disk, no waiting."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from chatrepl.core.messages import State

__all__ = ["Kept", "Model", "Said"]


@dataclass(frozen=True)
class Said:
    """A message. Its text is unique, and names it."""

    text: str
    parent: str | None
    role: str
    state: State = State.COMPLETE

    @property
    def can_follow(self) -> bool:
        return self.role != "user" or self.state is State.COMPLETE


@dataclass
class Kept:
    """A session."""

    id: str
    name: str | None
    tree: list[str] = field(default_factory=list)
    head: str | None = None
    pinned: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    is_deleted: bool = False
    written: int = 0


class Model:
    """All sessions, and the one in use."""

    def __init__(self) -> None:
        self.said: dict[str, Said] = {}
        self.kept: dict[str, Kept] = {}
        self.current: Kept | None = None
        self.head: str | None = None
        """Where the session in use is."""
        self.name: str | None = None
        """The name that a session which has no messages yet will get."""
        self.undone: list[str] = []
        self.failed: str | None = None
        self.writes = 0

    # Looking.

    def path(self, head: str | None) -> list[str]:
        found: list[str] = []
        while head is not None:
            found.insert(0, head)
            head = self.said[head].parent
        return found

    def children(self, kept: Kept, text: str | None) -> list[str]:
        return [one for one in kept.tree if self.said[one].parent == text]

    def newest_end(self, kept: Kept, text: str | None) -> str | None:
        while True:
            below = [c for c in self.children(kept, text) if self.said[c].can_follow]
            if not below:
                return text
            text = below[-1]

    def turns(self) -> list[list[str]]:
        turns: list[list[str]] = []
        for text in self.path(self.head):
            if self.said[text].role == "user" or not turns:
                turns.append([])
            turns[-1].append(text)
        return turns

    def last(self, role: str) -> str | None:
        return next((t for t in self.path(self.head)[::-1] if self.said[t].role == role), None)

    def alternatives(self) -> Sequence[str]:
        """Return the last answer's siblings; where the last question has none, an empty list."""
        path = self.path(self.head)
        if self.current is None or not path:
            return []
        is_waiting = self.said[path[-1]].role == "user"
        answer = self.last("assistant")
        if not is_waiting and answer is None:
            return []
        parent = path[-1] if is_waiting or answer is None else self.said[answer].parent
        return [c for c in self.children(self.current, parent) if self.said[c].role == "assistant"]

    def branch_ends(self) -> set[str]:
        if self.current is None:
            return set()
        path = self.path(self.head)
        return {
            text
            for text in self.current.tree
            if text not in path
            and self.said[text].can_follow
            and self.newest_end(self.current, text) == text
        }

    def alive(self) -> list[Kept]:
        return [kept for kept in self.kept.values() if not kept.is_deleted]

    def find(self, name: str, *, deleted: bool = False) -> Kept | None:
        for key in ("name", "id"):
            found = [
                kept
                for kept in self.kept.values()
                if kept.is_deleted is deleted and getattr(kept, key) == name
            ]
            if found:
                return max(found, key=lambda kept: kept.written)
        return None

    def newest(self) -> Kept | None:
        return max(self.alive(), key=lambda kept: kept.written, default=None)

    def holding(self, words: str) -> set[str]:
        visible = {text for kept in self.alive() for text in kept.tree}
        return {t for t in visible if all(word in t for word in words.split())}

    def is_free(self, name: str) -> bool:
        found = self.find(name)
        return found is None or found.name != name or found is self.current

    # Doing.

    def write(self, *said: Said, head: str | None) -> None:
        """Put messages into the session in use, and its head where it belongs."""
        assert self.current is not None
        for one in said:
            self.said[one.text] = one
            if one.text not in self.current.tree:
                self.current.tree.append(one.text)
        self.writes += 1
        self.current.written = self.writes
        self.current.head = self.head = head

    def accept(self, question: str, new_id: str) -> None:
        """Take a new message of the user's; the first makes the session."""
        if self.current is None:
            self.current = self.kept[new_id] = Kept(new_id, self.name)
        self.undone.clear()
        self.write(Said(question, self.head, "user"), head=question)

    def answer(
        self, question: str, fallback: str | None, text: str, state: State | None, is_stop: bool
    ) -> None:
        """End a turn. ``state`` None: not one byte of an answer came."""
        self.failed = None
        if state is not None:
            self.write(Said(text, question, "assistant", state), head=text)
        elif fallback == self.said[question].parent:
            self.failed = question
            end = State.STOPPED if is_stop else State.FAILED
            self.write(replace(self.said[question], state=end), head=fallback)
        else:
            self.write(head=fallback)

    def retry(self) -> tuple[str, str | None] | None:
        """Return the message that is sent again, and where the head goes if that fails."""
        if self.failed is not None and self.said[self.failed].parent == self.head:
            question, fallback = self.failed, self.head
            self.undone.clear()
            self.write(replace(self.said[question], state=State.COMPLETE), head=question)
            return question, fallback
        last, fallback = self.last("user"), self.head
        if last is None:
            return None
        self.undone.clear()
        self.write(head=last)
        return last, fallback

    def step_back(self, question: str) -> None:
        assert self.head is not None
        self.undone.append(self.head)
        self.write(head=self.said[question].parent)

    def redo(self) -> bool:
        if self.current is None:
            return False
        head = self.undone.pop() if self.undone else self.newest_end(self.current, self.head)
        if head == self.head:
            return False
        self.write(head=head)
        return True

    def mark(self, number: int, kind: str) -> bool:
        path = self.path(self.head)
        if self.current is None or number > len(path):
            return False
        turn = set(next(turn for turn in self.turns() if path[number - 1] in turn))
        current = self.current
        if kind in ("pin", "drop"):
            current.pinned -= turn
            current.dropped -= turn
        marked = current.pinned if "pin" in kind else current.dropped
        if kind in ("pin", "drop"):
            marked |= turn
        else:
            marked -= turn
        self.write(head=self.head)
        return True

    def fork(self, name: str | None, new_id: str) -> None:
        assert self.current is not None
        path = self.path(self.head)
        marks = self.current.pinned & set(path), self.current.dropped & set(path)
        self.leave()
        self.current = self.kept[new_id] = Kept(new_id, name, path, None, *marks)
        self.write(head=path[-1] if path else None)

    def rename(self, name: str) -> None:
        self.name = name
        if self.current is not None:
            self.current.name = name
            self.write(head=self.head)

    def open(self, kept: Kept) -> None:
        self.leave()
        if kept.is_deleted:
            if kept.name is not None and not self.is_free(kept.name):
                kept.name = None
            kept.is_deleted = False
        self.current, self.head, self.name = kept, kept.head, kept.name

    def leave(self) -> None:
        self.current = self.head = self.name = self.failed = None
        self.undone = []
