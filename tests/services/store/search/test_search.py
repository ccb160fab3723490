import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrepl.core.messages import SearchHit
from chatrepl.services.store import SqliteStore
from chatrepl.services.store.opening import OpenStore
from chatrepl.services.store.schema import MIGRATIONS
from chatrepl.services.store.search.index import SearchIndex
from chatrepl.services.store.search.ranking import MOST_RANKED, fold, score
from tests.support.store.store_values import (
    at,
    crash_image,
    message,
    opened,
    session,
    streaming,
)

# Few characters, so that words meet: two cases, composed and decomposed, full width, digraphs,
# Chinese, Thai, an emoji, the index's own syntax, and what it cannot hold.
ALPHABET = (
    "aAbBéE\u0301ßsS\u017f\ufb00f\uff26"
    "東京都苹果ภา👩\u200d \t\n\"*'()%_:-^\0\ud800\uffff\u0130i\u0131"
)
TEXTS = st.text(st.sampled_from(ALPHABET), max_size=12)
QUERIES = st.text(st.sampled_from(ALPHABET), min_size=1, max_size=5)


def brute_force(texts: Sequence[str], query: str) -> list[str]:
    words = list(dict.fromkeys(fold(query).split()))
    folded = [fold(text) for text in texts]
    hits = [n for n in range(len(texts)) if words and all(word in folded[n] for word in words)]
    hits.sort(key=lambda n: (score(folded[n], words), n), reverse=True)
    return [f"u{n}" for n in hits]


async def found_in(
    path: Path | None,
    texts: Sequence[str],
    queries: Sequence[str],
    indexed: int = 0,
    pairs_from: int = 0,
    limit: int = 0,
) -> list[list[str]]:
    """Search texts of which the first are indexed, and some of those without their pairs."""
    async with opened(path) as store:
        await store.create(session())
        await store._run(
            lambda open_store: open_store.database.connection.execute(
                "UPDATE search_progress SET pairs_from = ?", (pairs_from,)
            )
        )
        for n, text in enumerate(texts):
            await store.add("s1", [message(f"u{n}", content=text)], None)
            if n < indexed:
                await store._run(lambda open_store: open_store.searcher.index_some())
        return [[hit.message_id for hit in await store.search(query, limit)] for query in queries]


@given(
    st.lists(TEXTS, max_size=8),
    st.lists(QUERIES, min_size=1, max_size=4),
    st.integers(0, 8),
    st.integers(0, 10),
    st.integers(0, 3),
)
async def test_a_search_finds_what_looking_at_every_message_finds(
    texts: list[str], queries: list[str], indexed: int, pairs_from: int, limit: int
) -> None:
    expected = [brute_force(texts, query)[: limit or None] for query in queries]
    with pytest.MonkeyPatch.context() as patch:
        # What is to be indexed piece by piece must not be done before it is searched.
        patch.setattr("chatrepl.services.store.search.index._OLDER_BATCH", 1)
        patch.setattr(SqliteStore, "_index_later", lambda store: None)
        assert await found_in(None, texts, queries, indexed, pairs_from, limit) == expected


@given(st.lists(TEXTS, min_size=1, max_size=8), st.lists(QUERIES, min_size=1, max_size=4))
async def test_what_an_older_program_indexed_is_found_at_each_step_of_indexing_it_anew(
    texts: list[str], queries: list[str]
) -> None:
    expected = [brute_force(texts, query) for query in queries]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chatrepl.services.store.search.index._OLDER_BATCH", 1)
        patch.setattr(SqliteStore, "_index_later", lambda store: None)
        async with opened(None) as store:
            await store.create(session())
            for n, text in enumerate(texts):
                await store.add("s1", [message(f"u{n}", content=text)], None)
            await store.search("x")
            await store._run(_forget_pairs)
            for n in range(len(texts) + 2):
                for query, wanted in zip(queries, expected, strict=True):
                    assert [hit.message_id for hit in await store.search(query, 0)] == wanted
                has_indexed = await store._run(lambda open_store: open_store.searcher.index_some())
                assert has_indexed is (n < len(texts))
            assert await store._run(_pairs_from) == 0


def _forget_pairs(open_store: OpenStore) -> None:
    run_sql = open_store.database.connection.execute
    open_store.searcher.index_some()
    run_sql("DROP TABLE search_pairs")
    run_sql("UPDATE search_progress SET pairs_from = (SELECT max(number) + 1 FROM search_text)")
    open_store.searcher._index.is_available = False


def _pairs_from(open_store: OpenStore) -> int:
    return open_store.searcher._index.pairs_from()


@settings(max_examples=25)
@given(st.lists(TEXTS, max_size=8), st.lists(QUERIES, min_size=1, max_size=4))
@pytest.mark.parametrize("missing", ["_CREATE_TRIGRAMS", "_CREATE_PAIRS"])
async def test_a_search_without_an_index_finds_the_same(
    missing: str, texts: list[str], queries: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            f"chatrepl.services.store.search.index.{missing}",
            "CREATE VIRTUAL TABLE search_index_ USING fts5(folded, tokenize = 'missing')",
        )
        found = await found_in(None, texts, queries, len(texts))
    assert found == [brute_force(texts, query) for query in queries]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("東京", "昨日東京都に行った"),
        ("東", "東"),
        ("苹果", "我喜欢苹果。"),
        ("foo::bar", "call Foo::Bar() now"),
        ('"quo"te', 'a "Quo"Te b'),
        ("50%_", "up to 50%_ off"),
        ("strasse", "Große STRAẞE"),
        ("cafe\u0301", "Café"),
        ("\uff21\uff22\uff23", "abc"),
        ("one two", "two, then ONE"),
        ("ab 東京", "東京, 100%\tab"),
        ("f\x1b", "if\x1b[0m"),
        ("%\x1c_", "50% _"),
    ],
)
async def test_words_are_found_in_every_script_and_form(
    tmp_path: Path, query: str, text: str
) -> None:
    texts = ["something else", text, "苹 果 cafe 50% foo:bar strase two"]
    for number in (0, 3):
        folder = tmp_path / str(number)
        assert (await found_in(folder / "s.db", texts, [query], number))[0] == ["u1"]


async def hits(path: Path, words: str, limit: int = 20) -> Sequence[SearchHit]:
    async with opened(path) as store:
        return await store.search(words, limit)


async def test_a_hit_tells_where_it_is_and_shows_the_words_in_context(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    text = "x" * 100 + " before\nthe GROßE\tStraße, after " + "y" * 100
    async with opened(path) as store:
        await store.create(session("s1", name="trip", title="A trip"))
        await store.add("s1", [message("u1", content=text, created=at(3))], "u1")
    (hit,) = await hits(path, "grosse  STRASSE")
    assert (hit.session_id, hit.session_name, hit.title) == ("s1", "trip", "A trip")
    assert (hit.message_id, hit.role, hit.created) == ("u1", "user", at(3))
    assert hit.before.endswith("xx before the ")
    assert len(hit.before) == 60
    assert hit.after.startswith(", after yy")
    assert hit.match == "GROßE Straße"


async def test_whole_words_come_first_then_words_together_then_the_newest(tmp_path: Path) -> None:
    texts = ["art", "the art of war", "party", "art war", "war and art", "art of warts"]
    path = tmp_path / "s.db"
    assert (await found_in(path, texts, ["art war"]))[0] == ["u3", "u4", "u1", "u5"]
    assert [hit.message_id for hit in await hits(path, "art", 2)] == ["u5", "u4"]
    assert await hits(path, " \n ") == []


async def test_only_the_newest_of_very_many_matches_are_ranked(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with opened(path) as store:
        await store.create(session())
        await store.add(
            "s1", [message(f"u{n}", content=f"needle {n}") for n in range(2500)], "u2499"
        )
    found = [hit.message_id for hit in await hits(path, "needle", 0)]
    assert found == [f"u{n}" for n in range(2499, 2499 - MOST_RANKED, -1)]


@given(
    st.lists(st.sampled_from(["ab", "ab ab ab ab", "ab cd", "cd", "abab"]), max_size=12),
    st.integers(1, 4),
)
async def test_the_best_are_the_same_where_older_messages_need_not_be_looked_at(
    texts: list[str], limit: int
) -> None:
    for query in ("ab", "ab cd"):
        assert await found_in(None, texts, [query], limit=limit) == [
            brute_force(texts, query)[:limit]
        ]


OLD_TEXTS = ["東京 old", "an ox", "needle", "東 京"]
SOUGHT = ("東", "東京", "ox", "x", "needle", "o old")


async def write_as_the_first_format(path: Path) -> None:
    """Create a database of the version before the table of pairs, fully indexed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chatrepl.services.store.database.MIGRATIONS", MIGRATIONS[:1])
        patch.setattr("chatrepl.services.store.database.VERSION", 1)
        patch.setattr(SearchIndex, "add_older_pairs", lambda index: False)
        async with opened(path) as store:
            await store.create(session())
            for n, text in enumerate(OLD_TEXTS):
                await store.add("s1", [message(f"u{n}", content=text)], None)
            await store._run(lambda open_store: open_store.searcher.index_some())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE search_pairs")
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        indexed = "SELECT count(*) FROM search_text WHERE in_index"
        assert connection.execute(indexed).fetchone() == (len(OLD_TEXTS),)


async def test_a_database_of_the_first_format_is_searched_at_once_and_indexed_behind(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    await write_as_the_first_format(path)
    async with opened(path) as store:
        for _ in range(2):
            for words in SOUGHT:
                found = [hit.message_id for hit in await store.search(words)]
                assert found == brute_force(OLD_TEXTS, words)
        while store._is_indexing:
            await store.newest()
        assert await store._run(_pairs_from) == 0
        for words in SOUGHT:
            found = [hit.message_id for hit in await store.search(words)]
            assert found == brute_force(OLD_TEXTS, words)


@pytest.mark.parametrize("is_migrated", [False, True])
async def test_a_read_only_database_of_the_first_format_is_searched(
    tmp_path: Path, is_migrated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    await write_as_the_first_format(path)
    if is_migrated:
        async with opened(path) as store:
            await store.newest()
    before = path.read_bytes()
    # Permissions do not keep root from writing.
    monkeypatch.setattr("chatrepl.services.store.database._make_private_file", lambda path: False)
    for words in SOUGHT:
        assert [hit.message_id for hit in await hits(path, words)] == brute_force(OLD_TEXTS, words)
    assert path.read_bytes() == before


async def test_a_changed_message_is_found_by_its_new_words_only(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    for text in ("old words", "new words"):
        async with opened(path) as store:
            if await store.newest() is None:
                await store.create(session())
            await store.finish_answer("s1", message("a1", content=text), "a1")
            await store.search("words")
            await store._run(lambda open_store: open_store.searcher.index_some())
    assert await hits(path, "old") == []
    assert [hit.message_id for hit in await hits(path, "new")] == ["a1"]


async def test_an_answer_is_found_once_it_has_ended_also_by_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "live" / "s.db"
    async with opened(path) as store:
        await store.create(session())
        await store.begin_answer("s1", streaming("a1"))
        await store.append("a1", "needle", "")
        assert await store.search("needle") == []
        crashed = crash_image(path, tmp_path / "crashed")
    assert [hit.message_id for hit in await hits(crashed, "needle")] == ["a1"]
    async with opened(crashed) as store:
        assert (await store.load("s1")).recovered == ("a1",)


async def test_the_bin_is_not_searched_but_its_forks_are(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with opened(path, clock=lambda: at(0)) as store:
        await store.create(session("s1"))
        await store.add(
            "s1",
            [message("u1", content="needle one"), message("u2", "u1", content="needle two")],
            "u2",
        )
        await store.create(session("s2", head="u1"))
        await store.delete("s1")
    for minutes in (1, 60 * 24 * 31):
        async with opened(path, clock=lambda m=minutes: at(m)) as store:
            found = await store.search("needle")
        assert [(hit.session_id, hit.message_id) for hit in found] == [("s2", "u1")]
    async with opened(path) as store:
        await store.create(session("s3"))
        await store.add("s3", [message("u3", content="other")], "u3")
        assert await store.search("two") == []
        assert [hit.message_id for hit in await store.search("other")] == ["u3"]


@pytest.mark.parametrize(
    ("harm", "is_set_aside"),
    [
        ("UPDATE search_index_data SET block = x'' WHERE id > 10", False),
        # These leave a table that SQLite can neither open nor drop.
        ("UPDATE search_index_data SET block = x'ffffffffffffffffffff' WHERE id = 10", True),
        ("DROP TABLE search_index_data", True),
        ("UPDATE search_pairs_data SET block = x'' WHERE id > 10", False),
        ("DELETE FROM search_progress", False),
    ],
)
async def test_a_damaged_index_is_made_again_and_nothing_is_lost(
    tmp_path: Path, harm: str, is_set_aside: bool
) -> None:
    path = tmp_path / "s.db"
    texts = [f"needle {n}" for n in range(300)]
    await found_in(path, texts, ["needle"], 300)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM search_text WHERE in_index").fetchone() == (
        300,
    )
    connection.execute(harm)
    connection.commit()
    connection.close()
    async with opened(path) as store:
        assert len(await store.search("ee", 0)) == 300
        assert len(await store.search("needle", 0)) == 300
        assert len(await store.search("needle 299", 0)) == 1
        assert len(await store.search("9 dl", 0)) == 57
        assert len((await store.load("s1")).messages) == 300
        assert len(store.warnings) == is_set_aside
    assert len(list(tmp_path.glob("*damaged*.db"))) == is_set_aside


async def test_what_was_written_is_indexed_without_being_asked(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with opened(path) as store:
        await store.create(session())
        await store.add("s1", [message(f"u{n}") for n in range(500)], "u1")
        for _ in range(10):
            await store.newest()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM unindexed").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM search_text WHERE in_index").fetchone() == (
        500,
    )
    connection.close()
