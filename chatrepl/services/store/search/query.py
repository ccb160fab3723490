"""Full-text search of messages, in every script.

The table ``search_text`` holds each message's case-folded text; an FTS5 index is added where this
SQLite has it. The index only yields candidates: each is checked against the folded text, so that a
word is found wherever it occurs. Messages that are not indexed yet are scanned.
"""

import heapq
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain

from chatrepl.core.messages import SearchHit
from chatrepl.services.store.codec import decode_optional, decode_text, decode_time
from chatrepl.services.store.damage.interrupted_answers import Recovery
from chatrepl.services.store.database import Database
from chatrepl.services.store.errors import is_damage
from chatrepl.services.store.search.index import TRIGRAM, SearchIndex
from chatrepl.services.store.search.ranking import Row, best_of, fold, in_context

_BATCH = 200
_HIGHEST = 2**63 - 1
_COLUMNS = "SELECT number, session, folded FROM search_text"


class Searcher:
    """Searches messages, and keeps folded text and index in step with them."""

    def __init__(self, database: Database, recovery: Recovery) -> None:
        self._database = database
        self._run = database.connection.execute
        self._recovery = recovery
        self._index = SearchIndex(database)

    def search(self, words: str, limit: int) -> Sequence[SearchHit]:
        """Return messages outside the bin that contain all the words, best first.

        A word matches wherever it occurs, also inside other words, whatever its case and its
        composed or full-width form (``fold``). Whole words rank first, then words that stand
        together, then those that occur often; of equals, and among more than 300, the newest.
        """
        folded = list(dict.fromkeys(fold(words).split()))
        if not folded:
            return []
        try:
            return self._search(folded, limit)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            # Only the index may be damaged, and that can be rebuilt.
            self._rebuild()
            return self._search(folded, limit)

    def _search(self, words: Sequence[str], limit: int) -> Sequence[SearchHit]:
        # A database that cannot be written can still be searched, except for its newest messages.
        self._recovery.try_to_recover()
        with suppress(sqlite3.OperationalError, OSError):
            self._index.prepare()
            self._fold_all_pending()
        with self._database.snapshot():
            best = best_of(self._shown(self._matches(words)), words, limit)
            return [self._hit(number, session, words) for number, session in best]

    def index_some(self) -> bool:
        """Index a batch of messages; return whether more are waiting."""
        try:
            self._index.prepare()
            return self._index_batch()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._rebuild()
            return True

    def _index_batch(self) -> bool:
        with self._database.transaction():
            self._fold_pending(_BATCH)
            if not self._index.is_available:
                return self._is_any("SELECT 1 FROM unindexed")
            waiting = self._run(
                "SELECT number, folded FROM search_text WHERE in_index = 0 LIMIT ?", (_BATCH,)
            ).fetchall()
            self._index.add(waiting)
            self._database.connection.executemany(
                "UPDATE search_text SET in_index = 1 WHERE number = ?",
                ((number,) for number, _ in waiting),
            )
            if len(waiting) == _BATCH or self._is_any("SELECT 1 FROM unindexed"):
                return True
            return self._index.add_older_pairs()

    def forget(self, number: int) -> None:
        """Remove a message from text and index, within the caller's transaction."""
        self._run("DELETE FROM unindexed WHERE number = ?", (number,))
        row = self._database.row(
            "SELECT in_index, folded FROM search_text WHERE number = ?", (number,)
        )
        if row is None:
            return
        # Without the index, its entry stays there, but is no hit without its folded text.
        if row[0] and self._index.is_available:
            self._index.remove(number, row[1])
        self._run("DELETE FROM search_text WHERE number = ?", (number,))

    def _is_any(self, query: str) -> bool:
        return self._database.row(f"{query} LIMIT 1") is not None

    def _fold_all_pending(self) -> None:
        while self._is_any("SELECT 1 FROM unindexed"):
            with self._database.transaction():
                self._fold_pending(10 * _BATCH)

    def _fold_pending(self, limit: int) -> None:
        """Store the folded text of new messages, within the caller's transaction."""
        rows = self._run(
            "SELECT u.number, m.session, m.content FROM unindexed u"
            " LEFT JOIN messages m ON m.number = u.number ORDER BY u.number LIMIT ?",
            (limit,),
        ).fetchall()
        for number, session, content in rows:
            self.forget(number)
            if content is not None:
                self._run(
                    "INSERT INTO search_text (number, session, in_index, folded)"
                    " VALUES (?, ?, 0, ?)",
                    (number, session, fold(decode_text(content))),
                )

    def _matches(self, words: Sequence[str]) -> Iterator[Row]:
        """Yield the texts that contain all the words, newest first."""
        if not self._index.is_available:
            return self._scan("number >= 0", (), words)
        # Older messages are in the index of trigrams only.
        border = self._index.pairs_from()
        indexed = chain(self._indexed(words, border, _HIGHEST), self._indexed(words, 0, border))
        waiting = self._scan("in_index = 0", (), words)
        return heapq.merge(indexed, waiting, key=lambda row: -row[0])

    def _indexed(self, words: Sequence[str], low: int, high: int) -> Iterator[Row]:
        if low >= high:
            return
        candidates = self._index.candidates(words, low, high)
        if candidates is None:
            condition = "in_index = 1 AND number >= ? AND number < ?"
            yield from self._scan(condition, (low, high), words)
            return
        for number in candidates:
            row = self._database.row(f"{_COLUMNS} WHERE number = ? AND in_index = 1", (number,))
            if row is not None and all(word in row[2] for word in words):
                yield row[0], row[1], row[2]

    def _scan(self, condition: str, values: Sequence[int], words: Sequence[str]) -> Iterator[Row]:
        # LIKE before instr() is four times as fast if the first character is ASCII.
        fast = [word for word in words if word[0].isascii() and len(word) < TRIGRAM]
        likely = "".join(" AND folded LIKE ? ESCAPE '^'" for _ in fast)
        holds = "".join(" AND instr(folded, ?) > 0" for _ in words)
        rows: Iterator[Row] = self._run(
            f"{_COLUMNS} WHERE {condition}{likely}{holds} ORDER BY number DESC",
            (*values, *map(_pattern, fast), *words),
        )
        return rows

    def _rebuild(self) -> None:
        """Drop the index; it is rebuilt in batches."""
        with self._database.transaction():
            self._index.drop()
            self._run("UPDATE search_text SET in_index = 0 WHERE in_index != 0")

    def _shown(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Keep texts of sessions outside the bin: their own session, else their newest fork."""
        # Messages of session 0 are those of purged sessions that forks still need.
        rows_of_bin = self._run("SELECT number FROM sessions WHERE deleted NOTNULL")
        deleted = {0, *(number for (number,) in rows_of_bin)}
        for number, session, folded in rows:
            if session not in deleted:
                yield number, session, folded
                continue
            fork = self._database.row(
                "SELECT s.number FROM inherited i JOIN sessions s ON s.number = i.session"
                " WHERE i.message = ? AND s.deleted IS NULL ORDER BY s.written DESC LIMIT 1",
                (number,),
            )
            if fork is not None:
                yield number, fork[0], folded

    def _hit(self, number: int, session: int, words: Sequence[str]) -> SearchHit:
        row = self._database.row(
            "SELECT s.id, s.name, s.title, m.id, m.role, m.created, m.content"
            " FROM messages m, sessions s WHERE m.number = ? AND s.number = ?",
            (number, session),
        )
        assert row is not None
        session_id, name, title, message_id, role, created, content = row
        before, match, after = in_context(decode_text(content), words)
        return SearchHit(
            session_id=decode_text(session_id),
            session_name=decode_optional(name),
            title=decode_text(title),
            message_id=decode_text(message_id),
            role=decode_text(role),
            created=decode_time(created),
            before=before,
            match=match,
            after=after,
        )


def _pattern(word: str) -> str:
    """Return a LIKE pattern for texts that contain a word, with ``^`` as the escape."""
    return "%" + "".join(f"^{c}" if c in "^%_" else c for c in word) + "%"
