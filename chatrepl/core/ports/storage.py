"""What the core needs of the outside world, as protocols; services and terminal implement them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from chatrepl.core.messages import (
    Marks,
    Message,
    SearchHit,
    SessionRecord,
    SessionSummary,
    UsageTotal,
)

__all__ = ["LoadedSession", "Store"]


@dataclass(frozen=True, slots=True)
class LoadedSession:
    """A session as it is on disk."""

    record: SessionRecord
    messages: Sequence[Message]
    """Every message of its tree, parents first."""
    marks: Marks = field(default_factory=Marks)
    recovered: Sequence[str] = ()
    """Ids of answers that a crash had left unfinished and that are now marked as cut."""
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Tokens of a message's content by (message id, encoding), where counted before."""


class Store(Protocol):
    """Keeps sessions. Every method returns when the change is on disk; all raise ``StoreError``.

    A lone surrogate or NUL in a text survives a round trip.
    """

    warnings: list[str]
    """What users must be told, one line each; whoever tells it takes it out."""

    async def create(self, record: SessionRecord, messages: Sequence[Message] = ()) -> None:
        """Add a session with its first messages (parents first), in one transaction.

        A name that another session (not in the bin) has is a ``UsageError``.
        """
        ...

    async def update(self, record: SessionRecord) -> None:
        """Replace a session's name, title, head and settings. A taken name: ``UsageError``."""
        ...

    async def add(self, session_id: str, messages: Sequence[Message], head: str | None) -> None:
        """Add messages (parents first) and move the session's head, in one transaction."""
        ...

    async def begin_answer(self, session_id: str, message: Message) -> None:
        """Add an answer in state ``STREAMING``; the head stays where it is."""
        ...

    async def append(self, message_id: str, text: str, reasoning: str) -> None:
        """Add received text to a streaming answer, without rewriting what is there."""
        ...

    async def finish_answer(self, session_id: str, message: Message, head: str | None) -> None:
        """Write an answer's end state, all its fields, and the head, in one transaction."""
        ...

    async def set_state(
        self, session_id: str, message_id: str, state: str, head: str | None
    ) -> None:
        """Change one message's state (a sent message that failed) and the head."""
        ...

    async def set_marks(self, session_id: str, marks: Marks) -> None:
        """Replace a session's pins and drops."""
        ...

    async def set_counts(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Remember token counts by (message id, encoding)."""
        ...

    async def load(self, session_id: str) -> LoadedSession:
        """Read a session by id; unfinished answers that nobody is writing are marked as cut."""
        ...

    async def find(self, name: str, *, deleted: bool = False) -> SessionRecord | None:
        """Find a session by its exact name, else by its id or a unique beginning of its id.

        A beginning has four characters at least: a digit is a number in a list. ``deleted`` looks
        in the bin, else it is left out.
        """
        ...

    async def newest(self) -> SessionRecord | None:
        """Return the session that was written to last, or None."""
        ...

    async def sessions(
        self, words: str = "", *, deleted: bool = False, limit: int = 0
    ) -> Sequence[SessionSummary]:
        """List sessions, newest first; ``words`` filter name, title and first words."""
        ...

    async def search(self, words: str, limit: int = 20) -> Sequence[SearchHit]:
        """Find messages outside the bin that hold all the words, best first."""
        ...

    async def delete(self, session_id: str) -> None:
        """Put a session in the bin; one that is open elsewhere is a ``UsageError``."""
        ...

    async def restore(self, session_id: str) -> None:
        """Take a session out of the bin; a name that was taken meanwhile is dropped."""
        ...

    async def usage(self, since: datetime) -> Sequence[UsageTotal]:
        """Add up what all sessions used from a moment on, by model."""
        ...

    async def lock(self, session_id: str) -> bool:
        """Take a session for this process; False: another has it. One session at a time."""
        ...

    async def close(self) -> None:
        """Finish writing, release the lock and the file."""
        ...
