"""A conversation: a tree of immutable messages with a head, like a small git.

The path from the root to the head is the current conversation. Undo moves the head; retry and edit
add siblings; no message is ever removed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from chatrepl.core.messages import Marks, Message, State


@dataclass(frozen=True, slots=True)
class TurnMessages:
    """A user message and the messages up to the next one.

    The first turn of a path may begin with another message.
    """

    messages: tuple[Message, ...]

    @property
    def question(self) -> Message | None:
        """The user message, or None."""
        first = self.messages[0]
        return first if first.role == "user" else None


class Turns:
    """A lazy sequence of a path's turns, as a path may have 100,000 messages.

    ``question`` is a further user message to follow the path.
    """

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
        """Return the path's index of a turn's first message; past the last turn: the end."""
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
        """Return the index of the turn that holds a message; None: it is not on the path."""
        position = self._positions.get(message_id)
        return None if position is None else bisect_right(self._starts, position) - 1


class Conversation:
    """The tree of messages, its head, and the marks on it.

    The path to the head is kept as a list, which each move of the head changes only where it must.
    """

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
        """Return the children of a message (None: the roots), oldest first, without summaries."""
        children = (self._messages[child] for child in self._children.get(message_id, ()))
        return [child for child in children if not child.summary_of]

    def add(self, message: Message, *, move_head: bool = True) -> None:
        """Add a message, or replace the one with the same id."""
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
        """Replace a message by a copy in another state, and return it."""
        message = replace(self._messages[message_id], state=state)
        self._insert(message)
        return message

    def turns(self) -> list[TurnMessages]:
        """Return the turns of the path; each begins at a user message."""
        view = self.view()
        return [view[index] for index in range(len(view))]

    def view(self, question: Message | None = None) -> Turns:
        """Return the path's turns as a lazy sequence, with a further question after them."""
        return Turns(self._path, self._starts, self._positions, question)

    @property
    def summaries(self) -> Sequence[Message]:
        """The summaries of messages on the path, oldest first."""
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
        """Move the path's end to a message, in as many steps as it is from the present path.

        Parents are followed up to the path; a circle in damaged data ends the walk.
        """
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
