"""The port to the store of sessions."""

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


@dataclass(frozen=True, slots=True)
class LoadedSession:
    """A session as read from disk."""

    record: SessionRecord
    messages: Sequence[Message]
    """Every message of its tree, parents first."""
    marks: Marks = field(default_factory=Marks)
    recovered: Sequence[str] = ()
    """Ids of answers that a crash left unfinished, marked as cut by this load."""
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Stored token counts of messages' contents, by (message id, encoding)."""


class Store(Protocol):
    """Sessions on disk. Every method returns when its change is written; all raise ``StoreError``.

    Lone surrogates and NUL in texts survive a round trip.
    """

    warnings: list[str]
    """Warnings for the user, one line each; removed by the caller that shows them."""

    async def create(self, record: SessionRecord, messages: Sequence[Message] = ()) -> None:
        """Add a session with its first messages (parents first), in one transaction.

        Raises ``UsageError`` if another session outside the bin has its name.
        """

    async def update(self, record: SessionRecord) -> None:
        """Replace a session's name, title, head and settings.

        Raises ``UsageError`` if another session has the name.
        """

    async def add(self, session_id: str, messages: Sequence[Message], head: str | None) -> None:
        """Add messages (parents first) and move the session's head, in one transaction."""

    async def begin_answer(self, session_id: str, message: Message) -> None:
        """Add an answer in state ``STREAMING``; the head stays where it is."""

    async def append(self, message_id: str, text: str, reasoning: str) -> None:
        """Append received text to a streaming answer, without rewriting it."""

    async def finish_answer(self, session_id: str, message: Message, head: str | None) -> None:
        """Write an ended answer with all its fields, and the head, in one transaction."""

    async def set_state(
        self, session_id: str, message_id: str, state: str, head: str | None
    ) -> None:
        """Change the state of a message, as of one that failed, and the head."""

    async def set_marks(self, session_id: str, marks: Marks) -> None:
        """Replace a session's pins and drops."""

    async def set_counts(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Store token counts by (message id, encoding)."""

    async def load(self, session_id: str) -> LoadedSession:
        """Read a session by id; mark unfinished answers that no process is writing as cut."""

    async def find(self, name: str, *, deleted: bool = False) -> SessionRecord | None:
        """Find a session by its exact name, else by its id or a unique beginning of its id.

        A beginning has at least four characters, as shorter ones are numbers in a list.
        ``deleted`` searches only the bin, else the bin is left out. None: no session.
        """

    async def newest(self) -> SessionRecord | None:
        """Return the session written to last; None: there is no session."""

    async def sessions(
        self, words: str = "", *, deleted: bool = False, limit: int = 0
    ) -> Sequence[SessionSummary]:
        """Return sessions, newest first; ``words`` filter by name, title and first words.

        ``limit`` 0: all of them.
        """

    async def search(self, words: str, limit: int = 20) -> Sequence[SearchHit]:
        """Return the messages outside the bin that contain all the words, best first."""

    async def delete(self, session_id: str) -> None:
        """Move a session to the bin. Raises ``UsageError`` if it is open elsewhere."""

    async def restore(self, session_id: str) -> None:
        """Move a session out of the bin; its name is dropped if another has it by now."""

    async def usage(self, since: datetime) -> Sequence[UsageTotal]:
        """Return the usage of all sessions since a moment, by model."""

    async def lock(self, session_id: str) -> bool:
        """Lock a session for this process, releasing the one before; False: another has it."""

    async def close(self) -> None:
        """Finish writing, and release the lock and the file."""
