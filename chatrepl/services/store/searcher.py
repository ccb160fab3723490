"""Finds messages by words, in every script.

Each message's folded text is kept beside it, and an index of its three-character sequences where
this SQLite has one (FTS5 with the trigram tokenizer, from 3.34 on). The index only proposes: every
hit is checked against the folded text, so that a word is found exactly where it occurs. Words of
one or two characters, and messages that are not in the index yet, are looked for in the text.
"""

import heapq
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from chatrepl.core.messages import SearchHit
from chatrepl.services.store.codec import decode_text, decode_time
from chatrepl.services.store.database import Database
from chatrepl.services.store.failures import is_damage
from chatrepl.services.store.folding import fold
from chatrepl.services.store.ranking import in_context, score
from chatrepl.services.store.recovery import Recovery

__all__ = ["Searcher"]

_TRIGRAM = 3
_MOST_TRIGRAMS = 16
_MOST_RANKED = 2000
"""The newest messages that match are ranked; older ones beyond this number are not looked at."""
_SLICE = 200
_CREATE_INDEX = """CREATE VIRTUAL TABLE IF NOT EXISTS search_index USING fts5(
    folded, content = '', detail = none, tokenize = 'trigram case_sensitive 1')"""
_NOT_BUILT_IN = ("no such", "unrecognized", "error in tokenizer", "parse error in")
_Row = tuple[int, int, str]


class Searcher:
    """Keeps the text that is searched in step with the messages, and searches it."""

    def __init__(self, database: Database, recovery: Recovery) -> None:
        self._database = database
        self._run = database.connection.execute
        self._recovery = recovery
        self._has_index = False

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
            self._prepare_index()
            self._take_all_text()
        with self._database.snapshot():
            found = islice(self._alive(self._matches(wanted)), _MOST_RANKED)
            rated = ((score(folded, wanted), number, session) for number, session, folded in found)
            best = heapq.nlargest(limit or _MOST_RANKED, rated)
            return [self._hit(number, session, wanted) for _, number, session in best]

    def index_some(self) -> bool:
        """Bring a few messages into the index; say whether more are waiting."""
        try:
            self._prepare_index()
            return self._index_slice()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._rebuild()
            return True

    def _index_slice(self) -> bool:
        with self._database.transaction():
            self._take_text(_SLICE)
            if not self._has_index:
                return self._is_any("SELECT 1 FROM unindexed")
            waiting = self._run(
                "SELECT number, folded FROM search_text WHERE in_index = 0 LIMIT ?", (_SLICE,)
            ).fetchall()
            self._database.connection.executemany(
                "INSERT INTO search_index (rowid, folded) VALUES (?, ?)", waiting
            )
            self._database.connection.executemany(
                "UPDATE search_text SET in_index = 1 WHERE number = ?",
                ((number,) for number, _ in waiting),
            )
        return len(waiting) == _SLICE or self._is_any("SELECT 1 FROM unindexed")

    def forget(self, number: int) -> None:
        """Take a message out, within the caller's transaction."""
        self._run("DELETE FROM unindexed WHERE number = ?", (number,))
        row = self._database.row(
            "SELECT in_index, folded FROM search_text WHERE number = ?", (number,)
        )
        if row is None:
            return
        # What stays in the index without its text is never proposed again.
        if row[0] and self._has_index:
            self._run(
                "INSERT INTO search_index (search_index, rowid, folded) VALUES ('delete', ?, ?)",
                (number, row[1]),
            )
        self._run("DELETE FROM search_text WHERE number = ?", (number,))

    def _is_any(self, query: str) -> bool:
        return self._database.row(f"{query} LIMIT 1") is not None

    def _prepare_index(self) -> None:
        """Find out whether this SQLite has the index, and make it where it can be made."""
        if self._has_index:
            return
        try:
            if not self._database.is_read_only:
                self._run(_CREATE_INDEX)
            self._run("SELECT rowid FROM search_index LIMIT 0")
        except sqlite3.OperationalError as error:
            if not str(error).startswith(_NOT_BUILT_IN):
                raise
        else:
            self._has_index = True

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

    def _matches(self, words: Sequence[str]) -> Iterator[_Row]:
        """Yield number, session and folded text of what holds all the words, newest first."""
        long = [word for word in words if len(word) >= _TRIGRAM]
        holds = " AND ".join("instr(t.folded, ?) > 0" for _ in words)
        columns = "SELECT t.number, t.session, t.folded FROM search_text t"
        if not long or not self._has_index:
            # Four times as fast as instr() alone, where the first character is ASCII.
            fast = [word for word in words if word[0].isascii() and len(word) < _TRIGRAM]
            likely = "".join("t.folded LIKE ? ESCAPE '^' AND " for _ in fast)
            query = f"{columns} WHERE {likely} {holds} ORDER BY t.number DESC"
            return iter(self._run(query, (*map(_pattern, fast), *words)))
        indexed = self._run(
            f"{columns} JOIN search_index i ON i.rowid = t.number"
            f" WHERE search_index MATCH ? AND t.in_index = 1 AND {holds} ORDER BY i.rowid DESC",
            (_proposal(long), *words),
        )
        waiting = self._run(
            f"{columns} WHERE t.in_index = 0 AND {holds} ORDER BY t.number DESC", tuple(words)
        )
        return heapq.merge(indexed, waiting, key=lambda row: -row[0])

    def _rebuild(self) -> None:
        """Throw the index away; it is made again piece by piece."""
        with self._database.transaction():
            self._run("DROP TABLE IF EXISTS search_index")
            self._run("UPDATE search_text SET in_index = 0 WHERE in_index != 0")
        self._has_index = False

    def _alive(self, rows: Iterable[_Row]) -> Iterator[_Row]:
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


def _proposal(words: Sequence[str]) -> str:
    """Ask the index for what has the words' three-character sequences, in any order."""
    sequences = [
        word[at : at + _TRIGRAM]
        for word in words
        for at in range(min(len(word) - _TRIGRAM + 1, _MOST_TRIGRAMS))
    ]
    quoted = (sequence.replace('"', '""') for sequence in dict.fromkeys(sequences))
    return " AND ".join(f'"{sequence}"' for sequence in quoted)
