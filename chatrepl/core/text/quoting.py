"""Words as they are typed: separated by blanks, quoted where they hold some, or mistyped."""

import difflib
import re
from collections.abc import Iterable

__all__ = ["WORD", "nearest", "split_words", "unescape"]

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
    """Return a hint that names what the word may have meant, or an empty one."""

    def likeness(name: str) -> float:
        pairs = enumerate(zip(word, name, strict=False))
        shorter = min(len(word), len(name))
        same = next((at for at, (typed, meant) in pairs if typed != meant), shorter)
        # Whoever mistypes mostly begins well.
        return difflib.SequenceMatcher(None, word, name).ratio() + 0.08 * same

    alike = sorted(set(names), key=likeness, reverse=True)[:3]
    close = [name for name in alike if likeness(name) >= 0.7]
    return f"did you mean {' or '.join(close)}?" if close else ""
