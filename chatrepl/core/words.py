"""Words as they are typed: separated by blanks, quoted where they hold some."""

import re

__all__ = ["WORD", "split_words", "unescape"]

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
