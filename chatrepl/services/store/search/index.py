"""Full-text index that yields candidates for a search: it only excludes what cannot match.

Two contentless FTS5 tables: the trigrams of each text (the trigram tokenizer, SQLite 3.34), and its
single characters and pairs, for words of one or two characters. Older versions of the program had
no table of pairs: what they indexed is added from the newest back, and ``search_progress`` holds
the lowest message number that has been added.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from operator import add

from chatrepl.services.store.database import Database

TRIGRAM = 3
_MOST_TRIGRAMS = 16
_OLDER_BATCH = 30
_NONE_YET = 2**63 - 1
# Pairs are handed over as tokens separated by white space, which no word of a search contains.
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
    """Index of folded texts by message number. Changes belong into the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._run = database.connection.execute
        self._run_many = database.connection.executemany
        self.is_available = False
        """Whether this SQLite has the index; known after ``prepare``."""

    def prepare(self) -> None:
        """Find out whether this SQLite has FTS5 and trigrams, and create the tables if so."""
        if self.is_available:
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
            self.is_available = True

    def pairs_from(self) -> int:
        """Return the lowest message number from which on all texts are in the table of pairs."""
        # A file that cannot be migrated may be of a version without pairs.
        known = self._database.row(
            "SELECT count(*) FROM sqlite_master WHERE name IN ('search_progress', 'search_pairs')"
        )
        if known != (2,):
            return _NONE_YET
        row = self._database.row("SELECT pairs_from FROM search_progress")
        return _NONE_YET if row is None else int(row[0])

    def add(self, rows: Sequence[tuple[int, str]]) -> None:
        """Add folded texts, each with its message number."""
        self._run_many("INSERT INTO search_index (rowid, folded) VALUES (?, ?)", rows)
        first = self.pairs_from()
        self._add_pairs([row for row in rows if row[0] >= first])

    def add_older_pairs(self) -> bool:
        """Add the pairs of a batch of texts that lack them; return whether there are more."""
        first = self.pairs_from()
        if first <= 0:
            return False
        rows = self._run(
            "SELECT number, folded FROM search_text WHERE number < ? AND in_index = 1"
            " ORDER BY number DESC LIMIT ?",
            (first, _OLDER_BATCH),
        ).fetchall()
        self._add_pairs(rows)
        is_more = len(rows) == _OLDER_BATCH
        self._set_pairs_from(rows[-1][0] if is_more else 0)
        return is_more

    def _set_pairs_from(self, number: int) -> None:
        self._run("INSERT OR REPLACE INTO search_progress VALUES (1, ?)", (number,))

    def _add_pairs(self, rows: Sequence[tuple[int, str]]) -> None:
        self._run_many(
            "INSERT INTO search_pairs (rowid, pairs) VALUES (?, ?)",
            ((number, _pairs(folded)) for number, folded in rows),
        )

    def remove(self, number: int, folded: str) -> None:
        """Remove an indexed text; FTS5 needs the same text again for that."""
        self._run(
            "INSERT INTO search_index (search_index, rowid, folded) VALUES ('delete', ?, ?)",
            (number, folded),
        )
        if number >= self.pairs_from():
            self._run(
                "INSERT INTO search_pairs (search_pairs, rowid, pairs) VALUES ('delete', ?, ?)",
                (number, _pairs(folded)),
            )

    def drop(self) -> None:
        """Delete the whole index; ``prepare`` creates it again."""
        self._run("DROP TABLE IF EXISTS search_index")
        self._run("DROP TABLE IF EXISTS search_pairs")
        self._set_pairs_from(0)
        self.is_available = False

    def candidates(self, words: Sequence[str], low: int, high: int) -> Iterator[int] | None:
        """Yield message numbers in ``[low, high)``, descending, whose texts may hold the words.

        None: the index cannot exclude any.
        """
        long = [word for word in words if len(word) >= TRIGRAM]
        # The table of pairs has no texts below that number.
        short = [word for word in words if len(word) < TRIGRAM] if low >= self.pairs_from() else []
        by_trigrams = self._numbers("search_index", _trigrams(long), low, high) if long else None
        by_pairs = self._numbers("search_pairs", short, low, high) if short else None
        if by_trigrams is not None and by_pairs is not None:
            return _intersection(by_trigrams, by_pairs)
        return by_trigrams or by_pairs

    def _numbers(self, table: str, tokens: Sequence[str], low: int, high: int) -> Iterator[int]:
        quoted = (token.replace('"', '""') for token in dict.fromkeys(tokens))
        rows = self._run(
            f"SELECT rowid FROM {table} WHERE {table} MATCH ? AND rowid >= ? AND rowid < ?"  # noqa: S608
            " ORDER BY rowid DESC",
            (" AND ".join(f'"{token}"' for token in quoted), low, high),
        )
        return (number for (number,) in rows)


def _pairs(folded: str) -> str:
    """Return a text's characters and pairs, joined by spaces.

    A pair that contains white space is tokenized as its single character.
    """
    return " ".join({*folded, *map(add, folded, folded[1:])})


def _trigrams(words: Sequence[str]) -> list[str]:
    """Return the first 16 trigrams of each word."""
    return [
        word[at : at + TRIGRAM]
        for word in words
        for at in range(min(len(word) - TRIGRAM + 1, _MOST_TRIGRAMS))
    ]


def _intersection(left: Iterator[int], right: Iterator[int]) -> Iterator[int]:
    """Yield the numbers that two descending sequences have in common."""
    other = next(right, -1)
    for number in left:
        while other > number:
            other = next(right, -1)
        if number == other:
            yield number
