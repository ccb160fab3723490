"""A conversation: a tree of immutable messages with a head, like a small git.

The path from the root to the head is what is talked about. Undo moves the head; retry and edit add
siblings; nothing is ever removed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from chatrepl.core.messages import Marks, Message, State

__all__ = ["Conversation", "TurnMessages", "Turns"]


@dataclass(frozen=True, slots=True)
class TurnMessages:
    """A user message and all that answers it; a path may begin with a turn that has no question."""

    messages: tuple[Message, ...]

    @property
    def question(self) -> Message | None:
        """Return the user message, or None."""
        first = self.messages[0]
        return first if first.role == "user" else None


class Turns:
    """The turns of a path, each made when it is looked at: a path may have 100,000 messages."""

    def __init__(
        self,
        path: list[Message],
        starts: list[int],
        positions: Mapping[str, int],
        question: Message | None = None,
    ) -> None:
        self._path = path[:]
        self._starts = starts[:]
        self._positions = positions
        self._question = question
        self._length = len(starts) + (question is not None)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> TurnMessages:
        if not 0 <= index < self._length:
            raise IndexError(index)
        return TurnMessages(tuple(self.messages(index, index + 1)))

    def start_of(self, index: int) -> int:
        """Return where on the path, from 0, a turn begins; of the turn after the last: its end."""
        return self._starts[index] if index < len(self._starts) else len(self._path)

    def first_id(self, index: int) -> str:
        """Return the id of a turn's first message."""
        if index == len(self._starts) and self._question is not None:
            return self._question.id
        return self._path[self.start_of(index)].id

    def last_id(self, index: int) -> str:
        """Return the id of a turn's last message."""
        if index == len(self._starts) and self._question is not None:
            return self._question.id
        return self._path[self.start_of(index + 1) - 1].id

    def messages(self, first: int, after: int) -> list[Message]:
        """Return the messages of the turns from ``first`` until before ``after``."""
        messages = self._path[self.start_of(first) : self.start_of(after)]
        if after > len(self._starts) and self._question is not None:
            messages.append(self._question)
        return messages

    def count(self, first: int, after: int) -> int:
        """Count the messages of the turns from ``first`` until before ``after``."""
        has_question = first <= len(self._starts) < after and self._question is not None
        return self.start_of(after) - self.start_of(first) + has_question

    def index_of(self, message_id: str) -> int | None:
        """Return the turn that holds a message; None: it is not on the path."""
        position = self._positions.get(message_id)
        return None if position is None else bisect_right(self._starts, position) - 1


class Conversation:
    """The tree, the head, and the marks on top."""

    def __init__(
        self,
        messages: Iterable[Message] = (),
        head: str | None = None,
        marks: Marks | None = None,
    ) -> None:
        self._messages: dict[str, Message] = {}
        self._children: dict[str | None, list[str]] = {}
        self._summaries: list[str] = []
        self._path: list[Message] = []
        self._positions: dict[str, int] = {}
        self._starts: list[int] = []
        for message in messages:
            self._insert(message)
        self.marks = marks or Marks()
        self._head: str | None = None
        self.head = head

    @property
    def head(self) -> str | None:
        """Id of the newest message on the path; None: an empty path."""
        return self._head

    @head.setter
    def head(self, message_id: str | None) -> None:
        self._head = message_id if message_id in self._messages else None
        self._follow(self._head)

    @property
    def path(self) -> Sequence[Message]:
        """The messages from the root to the head, in order."""
        return self._path

    def __len__(self) -> int:
        return len(self._messages)

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._messages

    def get(self, message_id: str) -> Message:
        """Return a message by id. Raises ``KeyError``."""
        return self._messages[message_id]

    def all(self) -> Iterable[Message]:
        """Return every message, parents first."""
        return self._messages.values()

    def children(self, message_id: str | None) -> Sequence[Message]:
        """Return the answers to a message (or the roots), oldest first; summaries are none."""
        children = (self._messages[child] for child in self._children.get(message_id, ()))
        return [child for child in children if not child.summary_of]

    def add(self, message: Message, *, move_head: bool = True) -> None:
        """Add a message, or replace the one of the same id by its end state."""
        known = message.id in self._messages
        self._insert(message)
        if not move_head:
            return
        if not known and message.parent == self._head:
            self._head = message.id
            self._extend(message)
        else:
            self.head = message.id

    def set_state(self, message_id: str, state: State) -> Message:
        """Change how far a message came; everything else about it is immutable."""
        message = replace(self._messages[message_id], state=state)
        self._insert(message)
        return message

    def turns(self) -> list[TurnMessages]:
        """Cut the path into turns: each begins at a user message."""
        view = self.view()
        return [view[index] for index in range(len(view))]

    def view(self, question: Message | None = None) -> Turns:
        """Look at the path's turns, and a further question, without going through them."""
        return Turns(self._path, self._starts, self._positions, question)

    @property
    def summaries(self) -> Sequence[Message]:
        """Return the summaries of this tree that stand for messages on the path, oldest first."""
        return [
            self._messages[id_]
            for id_ in self._summaries
            if self._messages[id_].parent in self._positions
        ]

    def last_question(self) -> Message | None:
        """Return the newest user message on the path."""
        return next((message for message in reversed(self._path) if message.role == "user"), None)

    def last_answer(self) -> Message | None:
        """Return the newest assistant message on the path."""
        return next(
            (message for message in reversed(self._path) if message.role == "assistant"), None
        )

    def turn_of(self, number: int) -> TurnMessages | None:
        """Return the turn that holds the message at a position on the path, from 1."""
        if not 1 <= number <= len(self._path):
            return None
        return self.view()[bisect_right(self._starts, number - 1) - 1]

    def _insert(self, message: Message) -> None:
        if message.id not in self._messages:
            self._children.setdefault(message.parent, []).append(message.id)
            if message.summary_of:
                self._summaries.append(message.id)
        self._messages[message.id] = message
        position = self._positions.get(message.id)
        if position is not None:
            self._path[position] = message

    def _follow(self, message_id: str | None) -> None:
        """Lead the path to a message, by no more steps than it is from where the path is now."""
        ahead: list[Message] = []
        seen: set[str] = set()
        while message_id in self._messages and message_id not in self._positions:
            if message_id in seen:
                break
            seen.add(message_id)
            message = self._messages[message_id]
            ahead.append(message)
            message_id = message.parent
        self._cut(self._positions.get(message_id, -1) + 1 if message_id else 0)
        for message in reversed(ahead):
            self._extend(message)

    def _extend(self, message: Message) -> None:
        position = len(self._path)
        if message.role == "user" or not position:
            self._starts.append(position)
        self._positions[message.id] = position
        self._path.append(message)

    def _cut(self, length: int) -> None:
        for message in self._path[length:]:
            del self._positions[message.id]
        del self._path[length:]
        while self._starts and self._starts[-1] >= length:
            self._starts.pop()
