"""Finds messages by words, in every script.

Each message's folded text is kept beside it, and an index where this SQLite can have one. The index
only proposes: every hit is checked against the folded text, so that a word is found exactly where
it occurs. Messages that are not in the index yet are looked for in the text.
"""

import heapq
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain

from chatrepl.core.messages import SearchHit
from chatrepl.services.store.codec import decode_text, decode_time
from chatrepl.services.store.damage.interrupted_answers import Recovery
from chatrepl.services.store.database import Database
from chatrepl.services.store.errors import is_damage
from chatrepl.services.store.search.index import TRIGRAM, SearchIndex
from chatrepl.services.store.search.ranking import Row, best_of, fold, in_context

__all__ = ["Searcher"]

_SLICE = 200
_HIGHEST = 2**63 - 1
_COLUMNS = "SELECT number, session, folded FROM search_text"


class Searcher:
    """Keeps the text that is searched in step with the messages, and searches it."""

    def __init__(self, database: Database, recovery: Recovery) -> None:
        self._database = database
        self._run = database.connection.execute
        self._recovery = recovery
        self._index = SearchIndex(database)

    def search(self, words: str, limit: int) -> Sequence[SearchHit]:
        """Return the best messages that hold all the words; of equals, the newest first."""
        wanted = list(dict.fromkeys(fold(words).split()))
        if not wanted:
            return []
        try:
            return self._search(wanted, limit)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            # It may be the index alone, which can be made again.
            self._rebuild()
            return self._search(wanted, limit)

    def _search(self, wanted: Sequence[str], limit: int) -> Sequence[SearchHit]:
        # What cannot be written now can still be searched, but for the newest words.
        self._recovery.try_to_recover()
        with suppress(sqlite3.OperationalError, OSError):
            self._index.prepare()
            self._take_all_text()
        with self._database.snapshot():
            best = best_of(self._alive(self._matches(wanted)), wanted, limit)
            return [self._hit(number, session, wanted) for number, session in best]

    def index_some(self) -> bool:
        """Bring a few messages into the index; say whether more are waiting."""
        try:
            self._index.prepare()
            return self._index_slice()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._rebuild()
            return True

    def _index_slice(self) -> bool:
        with self._database.transaction():
            self._take_text(_SLICE)
            if not self._index.is_there:
                return self._is_any("SELECT 1 FROM unindexed")
            waiting = self._run(
                "SELECT number, folded FROM search_text WHERE in_index = 0 LIMIT ?", (_SLICE,)
            ).fetchall()
            self._index.put(waiting)
            self._database.connection.executemany(
                "UPDATE search_text SET in_index = 1 WHERE number = ?",
                ((number,) for number, _ in waiting),
            )
            if len(waiting) == _SLICE or self._is_any("SELECT 1 FROM unindexed"):
                return True
            return self._index.put_older_pairs()

    def forget(self, number: int) -> None:
        """Take a message out, within the caller's transaction."""
        self._run("DELETE FROM unindexed WHERE number = ?", (number,))
        row = self._database.row(
            "SELECT in_index, folded FROM search_text WHERE number = ?", (number,)
        )
        if row is None:
            return
        # What stays in the index without its text is never proposed again.
        if row[0] and self._index.is_there:
            self._index.remove(number, row[1])
        self._run("DELETE FROM search_text WHERE number = ?", (number,))

    def _is_any(self, query: str) -> bool:
        return self._database.row(f"{query} LIMIT 1") is not None

    def _take_all_text(self) -> None:
        while self._is_any("SELECT 1 FROM unindexed"):
            with self._database.transaction():
                self._take_text(10 * _SLICE)

    def _take_text(self, limit: int) -> None:
        """Fold the text of messages that were written since, within a transaction."""
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
        """Yield what holds all the words, newest first."""
        if not self._index.is_there:
            return self._scan("number >= 0", (), words)
        # What is older than that is in a part of the index only.
        border = self._index.pairs_from()
        indexed = chain(self._indexed(words, border, _HIGHEST), self._indexed(words, 0, border))
        waiting = self._scan("in_index = 0", (), words)
        return heapq.merge(indexed, waiting, key=lambda row: -row[0])

    def _indexed(self, words: Sequence[str], low: int, high: int) -> Iterator[Row]:
        if low >= high:
            return
        proposed = self._index.proposed(words, low, high)
        if proposed is None:
            condition = "in_index = 1 AND number >= ? AND number < ?"
            yield from self._scan(condition, (low, high), words)
            return
        for number in proposed:
            row = self._database.row(f"{_COLUMNS} WHERE number = ? AND in_index = 1", (number,))
            if row is not None and all(word in row[2] for word in words):
                yield row[0], row[1], row[2]

    def _scan(self, condition: str, values: Sequence[int], words: Sequence[str]) -> Iterator[Row]:
        # Four times as fast as instr() alone, where the first character is ASCII.
        fast = [word for word in words if word[0].isascii() and len(word) < TRIGRAM]
        likely = "".join(" AND folded LIKE ? ESCAPE '^'" for _ in fast)
        holds = "".join(" AND instr(folded, ?) > 0" for _ in words)
        rows: Iterator[Row] = self._run(
            f"{_COLUMNS} WHERE {condition}{likely}{holds} ORDER BY number DESC",
            (*values, *map(_pattern, fast), *words),
        )
        return rows

    def _rebuild(self) -> None:
        """Throw the index away; it is made again piece by piece."""
        with self._database.transaction():
            self._index.throw_away()
            self._run("UPDATE search_text SET in_index = 0 WHERE in_index != 0")

    def _alive(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Keep what a session outside the bin shows, under that session's number."""
        dead = {0}
        dead.update(
            number for (number,) in self._run("SELECT number FROM sessions WHERE deleted NOTNULL")
        )
        for number, session, folded in rows:
            if session not in dead:
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
        message = self._database.row(
            "SELECT id, role, created, content FROM messages WHERE number = ?", (number,)
        )
        owner = self._database.row(
            "SELECT id, name, title FROM sessions WHERE number = ?", (session,)
        )
        assert message is not None and owner is not None
        before, match, after = in_context(decode_text(message[3]), words)
        return SearchHit(
            session_id=decode_text(owner[0]),
            session_name=None if owner[1] is None else decode_text(owner[1]),
            title=decode_text(owner[2]),
            message_id=decode_text(message[0]),
            role=decode_text(message[1]),
            created=decode_time(message[2]),
            before=before,
            match=match,
            after=after,
        )


def _pattern(word: str) -> str:
    return "%" + "".join(f"^{c}" if c in "^%_" else c for c in word) + "%"
