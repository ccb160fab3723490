"""Typed words: splitting at blanks, quotes, and suggestions for mistyped names."""

import difflib
import re
from collections.abc import Iterable

_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "r": "\r"}
WORD = re.compile(r'"((?:\\.|[^"\\])*)"|(\S+)', re.DOTALL)


def unescape(quoted: str) -> str:
    r"""Replace ``\n``, ``\t``, ``\r``, ``\"`` and ``\\``; any other backslash stays."""
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), quoted, flags=re.DOTALL)


def split_words(text: str) -> list[str]:
    """Split at blanks; a word in double quotes may hold blanks and escapes."""
    return [
        unescape(match[1]) if match[1] is not None else match[2] for match in WORD.finditer(text)
    ]


def nearest(word: str, names: Iterable[str]) -> str:
    """Return a hint with up to three names that are like a word; empty if none is."""

    def similarity(name: str) -> float:
        pairs = enumerate(zip(word, name, strict=False))
        shorter = min(len(word), len(name))
        same = next((at for at, (typed, meant) in pairs if typed != meant), shorter)
        # Typing errors are rare in a word's first letters, so an equal beginning counts more.
        return difflib.SequenceMatcher(None, word, name).ratio() + 0.08 * same

    candidates = sorted(set(names), key=similarity, reverse=True)[:3]
    close = [name for name in candidates if similarity(name) >= 0.7]
    return f"did you mean {' or '.join(close)}?" if close else ""
