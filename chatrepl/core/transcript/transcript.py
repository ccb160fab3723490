"""Transcript: a session with its whole tree, as a value to export or import."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from chatrepl.core.conversation.tree import Conversation
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Marks, Message, SessionRecord

NewId = Callable[[], str]
"""Makes a new id at each call."""
Progress = Callable[[int, int], None]
"""Called with the amount read so far and the whole amount."""

_SECRET_NAMES = frozenset(
    {
        "api_base",
        "api_key",
        "apikey",
        "authorization",
        "base_url",
        "openai_api_key",
        "openai_base_url",
        "x_api_key",
    }
)


@dataclass(frozen=True, slots=True)
class Transcript:
    """Session with all messages of its tree."""

    record: SessionRecord
    messages: Sequence[Message]
    """Every message of the tree, parents first."""
    marks: Marks = field(default_factory=Marks)

    @property
    def path(self) -> Sequence[Message]:
        """Messages from the root to the head, in order."""
        return Conversation(self.messages, self.record.head).path

    @property
    def system(self) -> str | None:
        """System text of the session; an empty one is None."""
        value = self.record.settings.get("system")
        return value if isinstance(value, str) and value else None


def with_new_ids(transcript: Transcript, new_id: NewId) -> Transcript:
    """Give the session and every message a new id, and adapt all references to them.

    Ids are unique in a store, so without this a transcript could not be imported twice.
    """
    ids = {message.id: new_id() for message in transcript.messages}
    messages = tuple(
        replace(
            message,
            id=ids[message.id],
            parent=ids.get(message.parent) if message.parent else None,
            summary_of=tuple(ids.get(old, old) for old in message.summary_of),
        )
        for message in transcript.messages
    )
    head = transcript.record.head
    return Transcript(
        replace(transcript.record, id=new_id(), head=ids.get(head) if head else None),
        messages,
        Marks(
            frozenset(ids[old] for old in transcript.marks.pinned if old in ids),
            frozenset(ids[old] for old in transcript.marks.dropped if old in ids),
        ),
    )


def format_time(moment: datetime) -> str:
    """Write a time as ISO 8601 in UTC."""
    return in_utc(moment).isoformat().replace("+00:00", "Z")


def in_utc(moment: datetime) -> datetime:
    """Convert a time to UTC; one without a zone is taken as UTC. Raises ``OverflowError``."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def without_secrets(values: Mapping[str, Json]) -> dict[str, Json]:
    """Copy values, at any depth, without API keys and server addresses.

    Only a text is left out, by the name of its key: a JSON schema may well describe an ``api_key``.
    """
    return dict(_clean_items(values))


def _clean_items(values: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for key, value in values.items():
        if not (isinstance(value, str) and _is_secret_name(key)):
            yield key, _clean(value)


def _clean(value: Json) -> Json:
    if isinstance(value, dict):
        return dict(_clean_items(value))
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value


def _is_secret_name(key: str) -> bool:
    plain = key.removeprefix("extra.").lower().replace("-", "_")
    return plain in _SECRET_NAMES
