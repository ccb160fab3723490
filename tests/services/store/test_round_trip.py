from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.errors import StoreError, UsageError
from chatrepl.core.messages import Marks, Message, State, Usage
from chatrepl.services.store import SqliteStore
from tests.support.store.store_values import at, message, opened, rows_in, session, streaming

if TYPE_CHECKING:
    from chatrepl.core.ports.storage import Store

TEXT = st.text(st.characters(codec=None, categories=None), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
TOKENS = st.none() | st.integers(0, 2**80)
MESSAGES = st.builds(
    Message,
    id=TEXT,
    parent=st.none(),
    role=st.sampled_from(["user", "assistant", "system", "developer", "tool"]) | TEXT,
    content=TEXT,
    created=st.datetimes(timezones=st.just(UTC)),
    name=st.none() | TEXT,
    reasoning=TEXT,
    attachments=st.lists(OBJECT, max_size=2).map(tuple),
    state=st.sampled_from([state for state in State if state is not State.STREAMING]),
    model=st.none() | TEXT,
    finish_reason=st.none() | TEXT,
    usage=st.none() | st.builds(Usage, TOKENS, TOKENS, TOKENS, TOKENS),
    parameters=OBJECT,
    response_id=st.none() | TEXT,
    prompt_digest=st.none() | TEXT,
    summary_of=st.lists(TEXT, max_size=2).map(tuple),
    extra=OBJECT,
)


def test_the_store_is_what_the_core_asks_for() -> None:
    store: Store = SqliteStore(None)
    assert hasattr(store, "lock")


@given(MESSAGES)
async def test_every_field_of_a_message_comes_back_as_it_was(written: Message) -> None:
    async with opened(None) as store:
        await store.create(session())
        await store.add("s1", [written], written.id)
        assert (await store.load("s1")).messages == [written]


@pytest.mark.parametrize(
    "text",
    ["\ud800", "\ud83d\ude00", "a\0b", "\u2028\x85\x0b", "👩‍👩‍👧", "x" * 1_000_000, "é e\u0301"],
    ids=["lone", "split", "nul", "line ends", "joined", "long", "accents"],
)
async def test_odd_text_survives_on_disk_in_every_place(tmp_path: Path, text: str) -> None:
    odd = message("u1", content=text, extra={"odd": text}, name=text[:10])
    async with opened(tmp_path / "s.db") as store:
        await store.create(
            session(title=text, name=text, settings={"system": text}, extra={"x": text})
        )
        await store.add("s1", [odd], "u1")
        await store.begin_answer("s1", streaming("a1", "u1"))
        await store.append("a1", text, text)
    async with opened(tmp_path / "s.db") as store:
        loaded, found = await store.load("s1"), await store.find(text)
    assert loaded.messages[0] == odd
    assert (loaded.messages[1].content, loaded.messages[1].reasoning) == (text, text)
    assert (loaded.record.title, loaded.record.extra) == (text, {"x": text})
    assert loaded.record.settings == {"system": text}
    assert found == loaded.record


async def test_a_session_comes_back_with_head_settings_marks_and_counts(tmp_path: Path) -> None:
    marks = Marks(frozenset({"u1"}), frozenset({"u1", "a1"}))
    async with opened(tmp_path / "s.db") as store:
        await store.create(session(settings={"temperature": 0.2, "stop": ["\n"], "seed": None}))
        await store.add("s1", [message("u1"), message("a1", "u1")], "a1")
        await store.set_marks("s1", Marks(frozenset({"a1"})))
        await store.set_marks("s1", marks)
        await store.set_counts({("u1", "o200k"): 7, ("u1", "cl100k"): 8, ("gone", "o200k"): 9})
        await store.set_counts({("u1", "o200k"): 17})
    async with opened(tmp_path / "s.db") as store:
        loaded = await store.load("s1")
    assert loaded.record.head == "a1"
    assert loaded.record.settings == {"temperature": 0.2, "stop": ["\n"], "seed": None}
    assert loaded.marks == marks
    assert loaded.counts == {("u1", "o200k"): 17, ("u1", "cl100k"): 8}


async def test_a_finished_answer_replaces_its_pieces_and_their_counts(tmp_path: Path) -> None:
    answer = message("a1", "u1", content="whole", usage=Usage(1, 2), finish_reason="stop")
    async with opened(tmp_path / "s.db") as store:
        await store.create(session())
        await store.add("s1", [message("u1")], "u1")
        await store.begin_answer("s1", streaming("a1", "u1"))
        await store.append("a1", "who", "")
        assert (await store.load("s1")).messages[1].state is State.STREAMING
        await store.set_counts({("a1", "o200k"): 1})
        await store.finish_answer("s1", answer, "a1")
        loaded = await store.load("s1")
    assert loaded.messages == [message("u1"), answer]
    assert (loaded.record.head, loaded.counts, loaded.recovered) == ("a1", {}, ())
    assert rows_in(tmp_path / "s.db", "chunks") == 0


async def test_an_answer_that_could_not_be_begun_is_kept_when_it_ends(tmp_path: Path) -> None:
    async with opened(tmp_path / "s.db") as store:
        await store.create(session())
        await store.finish_answer("s1", message("a1"), "a1")
        assert (await store.load("s1")).messages == [message("a1")]


async def test_a_failed_message_stays_in_the_tree_and_the_head_steps_back() -> None:
    async with opened(None) as store:
        await store.create(session())
        await store.add("s1", [message("u1"), message("a1", "u1"), message("u2", "a1")], "u2")
        await store.set_state("s1", "u2", State.FAILED, "a1")
        loaded = await store.load("s1")
    assert [m.state for m in loaded.messages] == [State.COMPLETE, State.COMPLETE, State.FAILED]
    assert loaded.record.head == "a1"


async def test_messages_added_together_are_kept_together_or_not_at_all() -> None:
    async with opened(None) as store:
        await store.create(session())
        with pytest.raises(StoreError, match="'nowhere' is not stored"):
            await store.add("s1", [message("u1"), message("u2", "nowhere")], "u1")
        loaded = await store.load("s1")
    assert (loaded.messages, loaded.record.head) == ([], None)


async def test_a_name_belongs_to_one_session() -> None:
    async with opened(None) as store:
        await store.create(session("s1", name="work"))
        await store.create(session("s2"))
        with pytest.raises(UsageError, match="'work'"):
            await store.create(session("s3", name="work"))
        with pytest.raises(UsageError, match="'work'"):
            await store.update(session("s2", name="work"))
        await store.update(session("s1", name="work", title="again"))
        await store.delete("s1")
        await store.update(session("s2", name="work"))
        await store.restore("s1")
        assert (await store.load("s1")).record.name is None
        assert await store.find("work") == (await store.load("s2")).record
        assert await store.find("s3") is None


async def test_a_session_is_found_by_name_then_id_then_a_unique_beginning_of_its_id() -> None:
    async with opened(None) as store:
        await store.create(session("cafe1"))
        await store.create(session("cafe2", name="cafe1"))
        await store.create(session("100%yz"))

        async def found(name: str, *, deleted: bool = False) -> str | None:
            record = await store.find(name, deleted=deleted)
            return None if record is None else record.id

        assert await found("cafe1") == "cafe2"
        assert await found("cafe") is None
        assert await found("%%%%") is None
        assert await found("") is None
        assert await found("100%") == "100%yz"
        assert await found("100") is None
        await store.delete("cafe2")
        assert await found("cafe1") == "cafe1"
        assert await found("cafe") == "cafe1"
        assert await found("caf") is None
        assert await found("cafe1", deleted=True) == "cafe2"


async def test_the_newest_session_is_the_one_written_last_even_if_the_clock_went_back() -> None:
    async with opened(None) as store:
        await store.create(session("late", updated=at(100)))
        await store.create(session("early"))
        await store.add("early", [message("u1")], "u1")
        newest = await store.newest()
        assert newest is not None
        assert newest.id == "early"
    async with opened(None) as store:
        assert await store.newest() is None


async def test_the_list_shows_what_was_written_newest_first() -> None:
    async with opened(None) as store:
        await store.create(session("s1", title="Straße"))
        await store.add(
            "s1",
            [
                message("u1", content="  hello\n東京 "),
                message("a1", "u1", model="m", reasoning="é"),
            ],
            "a1",
        )
        await store.create(session("s2", updated=at(5)))
        await store.begin_answer("s2", streaming("a2"))
        await store.finish_answer("s2", message("a2", content="1234", created=at(9)), "a2")
        second, first = await store.sessions()
        assert (first.first_words, first.model, first.message_count) == ("hello 東京", "m", 2)
        assert first.size_bytes == len("  hello\n東京 text of a1é".encode())
        assert (second.size_bytes, second.message_count, second.updated) == (4, 1, at(9))
        assert [s.id for s in await store.sessions(limit=1)] == ["s2"]
        assert [s.id for s in await store.sessions("STRASSE 東京")] == ["s1"]
        assert await store.sessions("strasse osaka") == []
        await store.delete("s1")
        assert [s.id for s in await store.sessions()] == ["s2"]
        assert [s.id for s in await store.sessions(deleted=True)] == ["s1"]


async def test_what_is_not_stored_is_an_error_that_says_so() -> None:
    async with opened(None) as store:
        for attempt in (
            store.load("s1"),
            store.update(session()),
            store.add("s1", [], None),
            store.append("a1", "x", ""),
            store.delete("s1"),
            store.restore("s1"),
        ):
            with pytest.raises(StoreError):
                await attempt


async def test_a_value_that_json_cannot_hold_is_an_error_and_nothing_is_written() -> None:
    async with opened(None) as store:
        await store.create(session())
        with pytest.raises(StoreError, match="JSON"):
            await store.add("s1", [message("u1", extra={"x": {1, 2}})], "u1")
        assert (await store.load("s1")).messages == []


async def test_a_closed_store_says_so_and_closes_again() -> None:
    async with opened(None) as store:
        await store.create(session())
        await store.close()
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.newest()
