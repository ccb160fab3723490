"""Strategies for transcripts and JSON values."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from chatrepl.core.json_value import Json
from chatrepl.core.messages import Marks, Message, SessionRecord, State, Usage
from chatrepl.core.transcript import Transcript
from chatrepl.core.transcript.json_out import MESSAGE_FIELDS, TOP_FIELDS

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def _as_json_can(text: str) -> str:
    """Join neighbouring halves of a pair: JSON has one way to write both."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _texts(max_size: int = 20) -> st.SearchStrategy[str]:
    letters = st.text(st.characters(exclude_categories=()), max_size=max_size).map(_as_json_can)
    odd = st.sampled_from(
        [
            "\x00",
            "\ud800",
            "\udcff\ud83d!",
            "\u2028\u2029",
            '"\\\n\r\t',
            "😀",
            "</script>",
            "\ufeff",
        ]
    )
    return st.one_of(letters, odd)


TEXTS = _texts()
CONTENTS = _texts(200)
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)


def _is_secret(key: str) -> bool:
    plain = key.lower().replace("-", "_").removeprefix("extra.")
    return "api_key" in plain or plain in {"apikey", "authorization", "base_url", "api_base"}


def _json(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Json]:
    """Make a strategy for JSON values whose objects have such keys."""
    return st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            TEXTS,
        ),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    )


JSON = _json(TEXTS)
KEYS = TEXTS.filter(lambda key: not _is_secret(key))
"""Keys that a transcript keeps at every depth: what looks like a secret is left out of it."""
OBJECTS = st.dictionaries(KEYS, _json(KEYS), max_size=3)
COUNTS = st.none() | st.integers(0, 2**60)
USAGES = st.none() | st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS)


def _without(names: frozenset[str]) -> st.SearchStrategy[dict[str, Json]]:
    return OBJECTS.map(lambda values: {k: v for k, v in values.items() if k not in names})


@st.composite
def messages(draw: st.DrawFn, message_id: str, parents: list[str]) -> Message:
    options: dict[str, Any] = {
        "name": draw(st.none() | TEXTS),
        "reasoning": draw(CONTENTS),
        "attachments": tuple(draw(st.lists(OBJECTS, max_size=2))),
        "state": draw(st.sampled_from([s for s in State if s is not State.STREAMING])),
        "model": draw(st.none() | TEXTS),
        "finish_reason": draw(st.none() | TEXTS),
        "usage": draw(USAGES),
        "parameters": draw(OBJECTS),
        "response_id": draw(st.none() | TEXTS),
        "prompt_digest": draw(st.none() | TEXTS),
        "summary_of": tuple(draw(st.lists(TEXTS, max_size=2))),
        "extra": draw(_without(MESSAGE_FIELDS)),
    }
    return Message(
        id=message_id,
        parent=draw(st.sampled_from([None, *parents])),
        role=draw(st.sampled_from(["user", "assistant", "system", "tool"]) | TEXTS.filter(bool)),
        content=draw(CONTENTS),
        created=draw(TIMES),
        **options,
    )


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    ids = draw(st.lists(TEXTS.filter(bool), max_size=6, unique=True))
    tree = [draw(messages(one, ids[:number])) for number, one in enumerate(ids)]
    subsets = st.frozensets(st.sampled_from(ids)) if ids else st.just(frozenset[str]())
    created = draw(TIMES)
    record = SessionRecord(
        id="session",
        title=draw(TEXTS),
        created=created,
        updated=NOW,
        name=draw(st.none() | TEXTS),
        head=draw(st.sampled_from([None, *ids])),
        settings=draw(OBJECTS),
        extra=draw(_without(TOP_FIELDS)),
    )
    return Transcript(record, tuple(tree), Marks(draw(subsets), draw(subsets)))


def conversation(*said: tuple[str, str], system: str | None = None, **record: Any) -> Transcript:
    """Build a transcript of one path from (role, content) pairs."""
    tree = tuple(
        Message(
            id=f"m{number}",
            parent=f"m{number - 1}" if number else None,
            role=role,
            content=content,
            created=NOW + timedelta(seconds=number),
        )
        for number, (role, content) in enumerate(said)
    )
    settings: dict[str, Json] = {} if system is None else {"system": system}
    head = tree[-1].id if tree else None
    fields = {"title": "a talk", "settings": settings, "head": head, **record}
    return Transcript(SessionRecord(id="s", created=NOW, updated=NOW, **fields), tree)
