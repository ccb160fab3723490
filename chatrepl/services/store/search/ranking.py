"""Ranking of search results, the excerpt around a match, and the case folding of both."""

import heapq
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

MOST_RANKED = 300
"""Only the newest matching messages, up to this number, are ranked."""
_MOST_COUNTED = 4
_CONTEXT_CHARACTERS = 60
_WINDOW_CHARACTERS = 1000
# The trigram tokenizer stops at NUL, and UTF-8 has no lone surrogates.
_UNINDEXABLE = re.compile("[\x00\ud800-\udfff]")
Row = tuple[int, int, str]
"""A message's number, its session's number, and its folded text."""


def best_of(rows: Iterable[Row], words: Sequence[str], limit: int) -> list[tuple[int, int]]:
    """Return message and session numbers of the best rows; of equals, the newest first.

    ``rows`` come newest first; they are read only as far as they can change the result. ``limit``
    0: all that are ranked.
    """
    rated: list[tuple[float, int, int]] = []
    highest = 3 * len(words) + (2 if len(words) > 1 else 0)
    perfect = 0
    for number, session, folded in islice(rows, MOST_RANKED):
        rating = score(folded, words)
        rated.append((rating, number, session))
        perfect += rating == highest
        if limit and perfect == limit:
            break
    best = heapq.nlargest(limit or MOST_RANKED, rated)
    return [(number, session) for _, number, session in best]


def score(folded: str, words: Sequence[str]) -> float:
    """Rate a text that contains all the words: whole words, then a phrase, then frequency."""
    total = 0.0
    for word in words:
        count, is_whole = _occurrences(folded, word)
        total += count / _MOST_COUNTED + 2 * is_whole
    if len(words) > 1 and re.search(r"\s+".join(map(re.escape, words)), folded):
        total += 2
    return total


def _occurrences(folded: str, word: str) -> tuple[int, bool]:
    """Count a word up to ``_MOST_COUNTED``; True if it occurs as a whole word."""
    count, is_whole = 0, False
    start = folded.find(word)
    while start >= 0 and not (is_whole and count == _MOST_COUNTED):
        end = start + len(word)
        count = min(count + 1, _MOST_COUNTED)
        is_whole = is_whole or not (_is_in_word(folded, start - 1) or _is_in_word(folded, end))
        start = folded.find(word, end)
    return count, is_whole


def _is_in_word(folded: str, at: int) -> bool:
    return 0 <= at < len(folded) and (folded[at].isalnum() or folded[at] == "_")


def in_context(text: str, words: Sequence[str]) -> tuple[str, str, str]:
    """Return text before a match, the match as it is written, and text after it, on one line each.

    A match of all the words as a phrase is preferred to the first word alone.
    """
    phrase = " ".join(words)
    found = _locate(re.sub(r"\s", " ", text), phrase) if len(words) > 1 else None
    start, end = found or _locate(text, words[0]) or (0, 0)
    before = text[max(0, start - _CONTEXT_CHARACTERS) : start]
    after = text[end : end + _CONTEXT_CHARACTERS]
    return _one_line(before), _one_line(text[start:end]), _one_line(after)


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _locate(text: str, word: str) -> tuple[int, int] | None:
    """Find a folded word in a text; return start and end in the original text.

    Overlapping windows are tried first: to bisect one costs less than to bisect a long text.
    """
    if word not in fold(text):
        return None
    for start in range(0, len(text), _WINDOW_CHARACTERS):
        found = _locate_in(text[start : start + 2 * _WINDOW_CHARACTERS], word)
        if found is not None:
            return start + found[0], start + found[1]
    return _locate_in(text, word)


def _locate_in(text: str, word: str) -> tuple[int, int] | None:
    if word not in fold(text):
        return None
    # Folding changes lengths, so both ends are found by bisection: the shortest prefix that
    # contains the word, then the latest start.
    low, high = 1, len(text)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if word in fold(text[:middle]) else (middle + 1, high)
    end = low
    low, high = 0, end - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if word in fold(text[middle:end]) else (low, middle - 1)
    return low, end


def fold(text: str) -> str:
    """Fold case, composed accents and full-width forms, so that equal words compare equal.

    Unicode's compatibility case folding: NFKC, case folding, NFKC again. Lone surrogates and NUL,
    which the index cannot hold, become U+FFFD.
    """
    if text.isascii():
        return text.lower().replace("\x00", "\ufffd")
    clean = _UNINDEXABLE.sub("\ufffd", text)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", clean).casefold())
