"""Work is linear in the text: counted in function calls, never in time."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from chatrepl.terminal.draw.markdown.stream import MarkdownStream
from tests.support.drawing import COLOR

KINDS = {
    "a paragraph without a line end": "The *quick* brown `fox` jumps over **the** lazy dog. ",
    "one word": "x",
    "Chinese": "中文字符也可以正确地换行。",
    "a loose list": "- an item with *some* text\n\n",
    "a quote": "> said **somebody**\n",
    "lines of a paragraph": "short line with `code`\n",
    "open brackets": "[[[ a ",
    "open emphasis": "**a *b _c ",
    "marks and nothing else": "*_`[<&$\\",
    "backticks of many lengths": "` `` ``` ```` a ",
    "open tags": "<a b=c ",
    "open formulas": "$x + \\( ",
    "nested quotes": "> > > > a\n> b\n",
    "nested items": "- - 1. - a\n",
    "blanks": "          ",
    "blank lines": "\n",
    "formulas": "$x^2$ and $$\\frac{a}{b}$$ ",
    "combining marks": "e\u0301\u0301\u0301",
    "definitions": "[a]: http://b.c/d\n\n[a] and ",
}


def work(run: Callable[[], object]) -> int:
    """Count the calls of a run, of functions in Python and in C."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
    return calls


def stream(text: str, *, size: int, rows: int = 0) -> None:
    drawn = MarkdownStream(width=80, style=COLOR)
    for at in range(0, len(text), size):
        drawn.feed(text[at : at + size])
        if rows:
            drawn.tail(rows)
    drawn.finish()


@pytest.mark.parametrize("unit", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("size", [7, 5000])
def test_drawing_twice_the_text_is_at_most_twice_the_work(unit: str, size: int) -> None:
    text = unit * (12000 // len(unit))
    stream(text[:2000], size=size)
    once, twice = (work(lambda n=n: stream(text[:n], size=size)) for n in (6000, 12000))  # type: ignore[misc]
    assert twice <= 2.2 * once


@pytest.mark.parametrize(
    "begin", ["", "```python\n", "```\n", "    ", "> ", "- ", "<div>\n"], ids=repr
)
@pytest.mark.parametrize("unit", ["x = [1, 2]  # say\n    ", "word "], ids=["lines", "one line"])
def test_the_tail_of_a_long_text_costs_no_more_than_of_a_short_one(begin: str, unit: str) -> None:
    short, long = (MarkdownStream(width=80, style=COLOR) for _ in range(2))
    short.feed(begin + unit * (3000 // len(unit)))
    long.feed(begin + unit * (30000 // len(unit)))
    short.tail(20)
    assert work(lambda: long.tail(20)) <= 2 * work(lambda: short.tail(20)) + 1000
