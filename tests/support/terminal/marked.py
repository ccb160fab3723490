"""Answers of every kind of block in which each line carries a mark."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Marks", "find_marks", "marked_answer"]

_MARK = re.compile(r"q\d{5}[az]")
_TEXTS = (
    "words that go on for a while, **bold** and *slanted*, with `code` and a [link](https://e.org)",
    "中文的句子也要按宽度对齐、日本語の文章もそうです",
    "emoji 👩\u200d👧 🎉 and e\u0301 and 한국어",
    "short",
    "0<foo or foo>10 and List<T> and $x^2 + y_1$ and a \\* escaped",
)
_CODES = ("x = 1", "print('中文', value)  # a comment", "def function(argument: int) -> str:", "")


class _Writer:
    """A writer of lines with increasing marks."""

    def __init__(self, *, both_ends: bool) -> None:
        self.count = 0
        self._both_ends = both_ends

    def line(self, before: str, text: str, after: str = "") -> str:
        mark = f"q{self.count:05d}"
        self.count += 1
        return f"{before}{mark}a {text}{f' {mark}z' if self._both_ends else ''}{after}\n"


def _headings(write: _Writer, turn: int) -> Iterator[str]:
    yield write.line("#" * (turn % 6 + 1) + " ", "a heading") + "\n"
    yield write.line("", "underlined") + ("===" if turn % 2 else "---") + "\n\n"


def _paragraphs(write: _Writer, turn: int) -> Iterator[str]:
    for text in _TEXTS:
        yield write.line("", text)
    yield "\n" + write.line("", " ".join(_TEXTS) * (1 + turn % 2)) + "\n"


def _lists(write: _Writer, turn: int) -> Iterator[str]:
    gap = "\n" if turn % 3 == 0 else ""
    for at in range(3):
        yield write.line("- ", _TEXTS[at]) + gap
        yield write.line("  - ", _TEXTS[at + 1])
        yield write.line("    1. ", _TEXTS[at + 2]) + gap
    for at in range(9, 12):
        yield write.line(f"{at}. ", _TEXTS[at % 5])
    for at in range(4):
        yield write.line(f"- [{'x' if at % 2 else ' '}] ", _TEXTS[at])
    yield "\n"


def _quotes(write: _Writer, turn: int) -> Iterator[str]:
    yield write.line("> ", _TEXTS[turn % 5])
    yield write.line("> - ", _TEXTS[(turn + 1) % 5])
    yield write.line("> > ", _TEXTS[(turn + 2) % 5]) + "\n"


def _code(write: _Writer, turn: int) -> Iterator[str]:
    yield ("```python\n", "```\n", "~~~~ js\n")[turn % 3]
    for at in range(4 + turn % 30):
        yield write.line("", _CODES[at % 4] * (1 + at % 3 * 3))
    yield ("```\n\n", "```\n\n", "~~~~\n\n")[turn % 3]
    yield write.line("    ", "indented code") + "\n"


def _tables(write: _Writer, turn: int) -> Iterator[str]:
    extra = turn % 4
    yield "| name | what it is |" + " more |" * extra + "\n|---|:-:|" + "--:|" * extra + "\n"
    for at in range(3 + turn % 25):
        yield write.line("| ", _TEXTS[at % 4].replace("|", "/"), " |" + " 12 中 |" * (1 + extra))
    yield "\n---\n\n"


_KINDS: Sequence[Callable[[_Writer, int], Iterator[str]]] = (
    *(_headings, _paragraphs, _lists, _quotes, _code, _tables),
)


def marked_answer(lines: int, *, both_ends: bool = False) -> str:
    """Write at least so many marked lines; a mark stands first in each, and last if asked for."""
    write = _Writer(both_ends=both_ends)
    parts: list[str] = []
    turn = 0
    while write.count < lines:
        for kind in _KINDS:
            parts += kind(write, turn)
        turn += 1
    return "".join(parts)


@dataclass(frozen=True)
class Marks:
    """The marks of an answer that are missing on a screen, repeated, or not the answer's."""

    lost: list[str]
    repeated: dict[str, int]
    invented: list[str]


def find_marks(answer: str, shown: str) -> Marks:
    """Compare the marks of an answer with those on the screen and above it."""
    wanted = _MARK.findall(answer)
    counts = Counter(_MARK.findall(shown))
    return Marks(
        [mark for mark in wanted if mark not in counts],
        {mark: count for mark, count in counts.items() if count > 1},
        sorted(counts.keys() - set(wanted)),
    )
