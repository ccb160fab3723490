"""A conversation: a tree of immutable messages with a head, like a small git.

The path from the root to the head is what is talked about. Undo moves the head; retry and edit add
siblings; nothing is ever removed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chatrepl.core.messages import Marks, Message, State

__all__ = ["Conversation", "Turn"]


@dataclass(frozen=True, slots=True)
class Turn:
    """A user message and all that answers it; a path may begin with a turn that has no question."""

    messages: tuple[Message, ...]

    @property
    def question(self) -> Message | None:
        """Return the user message, or None."""
        first = self.messages[0]
        return first if first.role == "user" else None


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
        for message in messages:
            self._insert(message)
        self.marks = marks or Marks()
        self._path: list[Message] = []
        self._head: str | None = None
        self.head = head

    @property
    def head(self) -> str | None:
        """Id of the newest message on the path; None: an empty path."""
        return self._head

    @head.setter
    def head(self, message_id: str | None) -> None:
        self._head = message_id if message_id in self._messages else None
        self._path = self._walk(self._head)

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
        """Return the answers to a message (or the roots), oldest first."""
        return [self._messages[child] for child in self._children.get(message_id, ())]

    def add(self, message: Message, *, move_head: bool = True) -> None:
        """Add a message, or replace the one of the same id by its end state."""
        known = message.id in self._messages
        self._insert(message)
        if not move_head:
            return
        if not known and message.parent == self._head:
            self._head = message.id
            self._path.append(message)
        else:
            self.head = message.id

    def set_state(self, message_id: str, state: State) -> Message:
        """Change how far a message came; everything else about it is immutable."""
        message = replace(self._messages[message_id], state=state)
        self._messages[message_id] = message
        self._path = self._walk(self._head)
        return message

    def turns(self) -> list[Turn]:
        """Cut the path into turns: each begins at a user message."""
        turns: list[list[Message]] = []
        for message in self._path:
            if message.role == "user" or not turns:
                turns.append([])
            turns[-1].append(message)
        return [Turn(tuple(messages)) for messages in turns]

    def last_question(self) -> Message | None:
        """Return the newest user message on the path."""
        return next((message for message in reversed(self._path) if message.role == "user"), None)

    def last_answer(self) -> Message | None:
        """Return the newest assistant message on the path."""
        return next(
            (message for message in reversed(self._path) if message.role == "assistant"), None
        )

    def turn_of(self, number: int) -> Turn | None:
        """Return the turn that holds the message at a position on the path, from 1."""
        count = 0
        for turn in self.turns():
            count += len(turn.messages)
            if 1 <= number <= count:
                return turn
        return None

    def _insert(self, message: Message) -> None:
        if message.id not in self._messages:
            self._children.setdefault(message.parent, []).append(message.id)
        self._messages[message.id] = message

    def _walk(self, message_id: str | None) -> list[Message]:
        path: list[Message] = []
        seen: set[str] = set()
        while message_id is not None and message_id in self._messages and message_id not in seen:
            seen.add(message_id)
            message = self._messages[message_id]
            path.append(message)
            message_id = message.parent
        path.reverse()
        return path
