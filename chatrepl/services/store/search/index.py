"""Proposes messages that may hold some words: an index that only leaves out what cannot match.

Two FTS5 tables without content: of the three-character sequences of each text (the trigram
tokenizer, SQLite 3.34), and for words of one or two characters, of its characters and pairs. The
second is younger than the first: what was indexed without it is brought in from the newest back,
and ``search_progress`` tells how far that has come.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from operator import add

from chatrepl.services.store.database import Database

__all__ = ["TRIGRAM", "SearchIndex"]

TRIGRAM = 3
_MOST_SEQUENCES = 16
_OLDER_SLICE = 30
_NONE_YET = 2**63 - 1
# The tokens come ready, with white space between them, which no word has.
_TOKEN_CHARACTERS = "".join(
    char for char in map(chr, range(1, 128)) if not (char.isalnum() or char.isspace())
)
_TOKENIZER = "ascii tokenchars '{}'".format(_TOKEN_CHARACTERS.replace("'", "''"))
_CREATE_TRIGRAMS = """CREATE VIRTUAL TABLE IF NOT EXISTS search_index USING fts5(
    folded, content = '', detail = none, tokenize = 'trigram case_sensitive 1')"""
_CREATE_PAIRS = """CREATE VIRTUAL TABLE IF NOT EXISTS search_pairs USING fts5(
    pairs, content = '', columnsize = 0, detail = none, tokenize = "{}")""".format(
    _TOKENIZER.replace('"', '""')
)
_NOT_BUILT_IN = ("no such", "unrecognized", "error in tokenizer", "parse error in")


class SearchIndex:
    """Holds folded texts by their numbers. Whoever writes does so within a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._run = database.connection.execute
        self._run_many = database.connection.executemany
        self.is_there = False
        """Whether this SQLite has the index; known after ``prepare``."""

    def prepare(self) -> None:
        """Find out whether this SQLite has the index, and make it where it can be made."""
        if self.is_there:
            return
        try:
            if not self._database.is_read_only:
                self._run(_CREATE_TRIGRAMS)
                self._run(_CREATE_PAIRS)
            self._run("SELECT rowid FROM search_index LIMIT 0")
        except sqlite3.OperationalError as error:
            if not str(error).startswith(_NOT_BUILT_IN):
                raise
        else:
            self.is_there = True

    def pairs_from(self) -> int:
        """Return the lowest number from which on all texts are in the table of pairs too."""
        # A file that cannot be written may have been written before there were pairs.
        known = self._database.row(
            "SELECT count(*) FROM sqlite_master WHERE name IN ('search_progress', 'search_pairs')"
        )
        if known != (2,):
            return _NONE_YET
        row = self._database.row("SELECT pairs_from FROM search_progress")
        return _NONE_YET if row is None else int(row[0])

    def put(self, rows: Sequence[tuple[int, str]]) -> None:
        """Take in texts, each with its number."""
        self._run_many("INSERT INTO search_index (rowid, folded) VALUES (?, ?)", rows)
        first = self.pairs_from()
        self._put_pairs([row for row in rows if row[0] >= first])

    def put_older_pairs(self) -> bool:
        """Take in pairs of a few texts that were indexed without; say whether there are more."""
        first = self.pairs_from()
        if first <= 0:
            return False
        rows = self._run(
            "SELECT number, folded FROM search_text WHERE number < ? AND in_index = 1"
            " ORDER BY number DESC LIMIT ?",
            (first, _OLDER_SLICE),
        ).fetchall()
        self._put_pairs(rows)
        is_more = len(rows) == _OLDER_SLICE
        self._set_pairs_from(rows[-1][0] if is_more else 0)
        return is_more

    def _set_pairs_from(self, number: int) -> None:
        self._run("INSERT OR REPLACE INTO search_progress VALUES (1, ?)", (number,))

    def _put_pairs(self, rows: Sequence[tuple[int, str]]) -> None:
        self._run_many(
            "INSERT INTO search_pairs (rowid, pairs) VALUES (?, ?)",
            ((number, _pairs(folded)) for number, folded in rows),
        )

    def remove(self, number: int, folded: str) -> None:
        """Take out a text that is in the index."""
        self._run(
            "INSERT INTO search_index (search_index, rowid, folded) VALUES ('delete', ?, ?)",
            (number, folded),
        )
        if number >= self.pairs_from():
            self._run(
                "INSERT INTO search_pairs (search_pairs, rowid, pairs) VALUES ('delete', ?, ?)",
                (number, _pairs(folded)),
            )

    def throw_away(self) -> None:
        """Drop all of it; ``prepare`` makes it anew."""
        self._run("DROP TABLE IF EXISTS search_index")
        self._run("DROP TABLE IF EXISTS search_pairs")
        self._set_pairs_from(0)
        self.is_there = False

    def proposed(self, words: Sequence[str], low: int, high: int) -> Iterator[int] | None:
        """Yield numbers from ``low`` to below ``high``, the highest first, that may hold the words.

        None where the index cannot leave anything out.
        """
        long = [word for word in words if len(word) >= TRIGRAM]
        # Below, the table of pairs knows nothing.
        short = [word for word in words if len(word) < TRIGRAM] if low >= self.pairs_from() else []
        if long and short:
            return _in_both(
                self._numbers("search_index", _sequences(long), low, high),
                self._numbers("search_pairs", short, low, high),
            )
        if long:
            return self._numbers("search_index", _sequences(long), low, high)
        return self._numbers("search_pairs", short, low, high) if short else None

    def _numbers(self, table: str, tokens: Sequence[str], low: int, high: int) -> Iterator[int]:
        quoted = (token.replace('"', '""') for token in dict.fromkeys(tokens))
        rows = self._run(
            f"SELECT rowid FROM {table} WHERE {table} MATCH ? AND rowid >= ? AND rowid < ?"  # noqa: S608
            " ORDER BY rowid DESC",
            (" AND ".join(f'"{token}"' for token in quoted), low, high),
        )
        return (number for (number,) in rows)


def _pairs(folded: str) -> str:
    """Return a text's characters and pairs of them; pairs with white space fall apart again."""
    return " ".join({*folded, *map(add, folded, folded[1:])})


def _sequences(words: Sequence[str]) -> list[str]:
    return [
        word[at : at + TRIGRAM]
        for word in words
        for at in range(min(len(word) - TRIGRAM + 1, _MOST_SEQUENCES))
    ]


def _in_both(one: Iterator[int], other: Iterator[int]) -> Iterator[int]:
    """Yield what two falling sequences of numbers have in common."""
    second = next(other, -1)
    for first in one:
        while second > first:
            second = next(other, -1)
        if first == second:
            yield first
