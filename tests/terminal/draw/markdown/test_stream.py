"""Blocks of Markdown, by example: their lines, and the point at which they are final."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.markdown.inline_syntax import LOOKAHEAD_CHARS
from chatrepl.terminal.draw.markdown.line_syntax import LINE_START_CHARS
from chatrepl.terminal.draw.markdown.stream import MarkdownStream
from tests.support.drawing import COLOR, PLAIN, joined, visible
from tests.support.markdown_documents import examples


def draw(text: str, width: int = 40, style: DrawStyle = PLAIN) -> list[str]:
    stream = MarkdownStream(width=width, style=style)
    return [*stream.feed(text), *stream.finish()]


EXAMPLES = {
    "paragraphs": ("one\n\n\n\ntwo", ["one", "", "two"]),
    "lines stay lines": ("roses are red\nviolets are blue", ["roses are red", "violets are blue"]),
    "words are wrapped": ("x" * 20 + " " + "y" * 25, ["x" * 20, "y" * 25]),
    "headings": ("# One #\n## Two\n####### no", ["# One", "", "## Two", "", "####### no"]),
    "underlined headings": ("One\n===\nTwo\n---", ["# One", "", "## Two"]),
    "a rule below two lines": ("one\ntwo\n---", ["one", "two", "", "─" * 40]),
    "rules": ("***\n- - -\n___", ["─" * 40, "", "─" * 40, "", "─" * 40]),
    "a tight list": ("- a\n- b\n  - c\n    - d\n- e", ["• a", "• b", "  ◦ c", "    ▪ d", "• e"]),
    "a loose list": ("- a\n\n- b\n- c", ["• a", "", "• b", "• c"]),
    "an ordered list": ("3. a\n1. b\n7) c", ["3. a", "4. b", "", "7) c"]),
    "numbers of two digits": ("9. a\n10. b\n    - c", ["9. a", "10. b", "    • c"]),
    "tasks": ("- [ ] a\n- [x] b\n- [X] c\n- [y] d", ["☐ a", "☑ b", "☑ c", "• [y] d"]),
    "a list below its paragraph": ("Steps:\n- a\n\nEnd", ["Steps:", "• a", "", "End"]),
    "numbers in text": ("about\n1984. was\n- x", ["about", "1984. was", "• x"]),
    "empty items": ("-\n- b\n*", ["•", "• b", "", "•"]),
    "an item of two paragraphs": ("1. a\n\n   b\n2. c", ["1. a", "", "   b", "2. c"]),
    "text goes on lazily": ("- a\nb\n> c\nd", ["• a", "  b", "", "│ c", "│ d"]),
    "quotes": ("> a\n>\n> > b\n\nc", ["│ a", "│", "│ │ b", "", "c"]),
    "a list in a quote": ("> - a\n> - b", ["│ • a", "│ • b"]),
    "code": ("```py x\na  b\n\n  c\n```\nd", ["── py x", "a  b", "", "  c", "──", "", "d"]),
    "code that never ends": ("~~~\na\n```", ["──", "a", "```", "──"]),
    "code in a list": ("- a\n  ```\n  x\n  ```\n- b", ["• a", "", "──", "x", "──", "", "• b"]),
    "an item that is code": ("1. ```\n   x\n   ```", ["1.", "──", "x", "──"]),
    "indented code": (
        "a\n\n    x\n\n      y\n\n\nb",
        ["a", "", "──", "x", "", "  y", "──", "", "b"],
    ),
    "a fence needs its own end": ("````\n```\n````", ["──", "```", "──"]),
    "html": ("<div>\n  *a*\n</div>\n\n*b*", ["<div>", "  *a*", "</div>", "", "b"]),
    "a comment": ("<!-- a\n\n*b* -->\nc", ["<!-- a", "", "*b* -->", "", "c"]),
    "a tag in text": ("a <b>c</b>\n<think>\nd", ["a <b>c</b>", "<think>", "d"]),
    "a table": ("|a|b|\n|-|-:|\n|c|1|", ["a │ b", "──┼──", "c │ 1"]),
    "a table below text": ("t\na|b\n-|-\nc|d\n\ne", ["t", "", "a │ b", "──┼──", "c │ d", "", "e"]),
    "cells too many and too few": (
        "|a|b|\n|-|-|\n|1|2|3|\n|4|",
        ["a │ b", "──┼──────", "1 │ 2 | 3", "4 │"],
    ),
    "bars in cells": ("|a|\n|-|\n|x\\|y|", ["a", "───", "x|y"]),
    "no table without a delimiter row": ("|a|b|\n|-|\nc", ["|a|b|", "|-|", "c"]),
    "a formula": ("$$\nE = mc^2\n$$\na", ["  E = mc²", "", "a"]),
    "an unknown formula": ("\\[\n\\foo{x}\n\\]", ["\\[", "\\foo{x}", "\\]"]),
    "a formula that never ends": ("$$\na\n\nb", ["$$", "a", "", "b"]),
    "definitions": (
        "[a] \n\n[a]: http://x.y\n[b]: <z> 't'\n\n[a] [c][b]",
        ["[a]", "", "[a]: http://x.y", "[b]: <z> 't'", "", 'a (http://x.y) c (z "t")'],
    ),
    "hard breaks": ("a  \nb\\\nc", ["a", "b", "c"]),
    "emphasis over lines": ("**a\nb**", ["a", "b"]),
    "Chinese": ("中" * 25, ["中" * 20, "中" * 5]),
    "no punctuation at the beginning of a line": ("中" * 20 + "。", ["中" * 19, "中。"]),
    "CRLF": ("a\r\n\r\nb\r\n", ["a", "", "b"]),
    "nothing": ("\n\n \n", []),
}


@pytest.mark.parametrize(("text", "lines"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_blocks_are_drawn(text: str, lines: list[str]) -> None:
    assert draw(text) == lines


@pytest.mark.parametrize(("text", "lines"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_blocks_are_drawn_alike_character_by_character(text: str, lines: list[str]) -> None:
    stream = MarkdownStream(width=40, style=PLAIN)
    assert [*(line for c in text for line in stream.feed(c)), *stream.finish()] == lines


def test_a_terminal_without_unicode_gets_ascii() -> None:
    text = "- a\n- [x] b\n\n> c\n\n---\n\n|a|b|\n|-|-|\n\n```\nx\n```"
    lines = draw(text, style=DrawStyle(unicode=False))
    assert all(line.isascii() for line in lines)
    assert lines[:4] == ["- a", "[x] b", "", "| c"]


def test_a_table_too_narrow_for_its_columns_becomes_keys_and_values() -> None:
    text = "|name|meaning|third|\n|-|-|-|\n|a|some words|x|\n|b||y|"
    assert draw(text, width=16) == [
        *("name: a", "meaning: some", "words", "third: x"),
        "─" * 16,
        *("name: b", "meaning:", "third: y"),
    ]


def test_a_wide_table_fits_the_width_by_wrapping_cells() -> None:
    text = "|a|b|\n|-|-|\n|short|" + "word " * 20 + "|\n|x|y|"
    lines = draw(text, width=30)
    assert max(map(len, lines)) <= 30
    assert joined(lines).count("word") == 20
    assert lines[-2].startswith("──")


def test_code_is_copied_as_it_was_written() -> None:
    code = ["def f():", "\treturn 1", "", "    # " + "long " * 40 + "end", "x = [1,", "     2]"]
    lines = draw("1. a\n   ```python\n" + "".join(f"   {line}\n" for line in code) + "   ```")
    shown = draw("```python\n" + "\n".join(code) + "\n```", style=COLOR)
    assert [visible(line) for line in shown[1:-1]] == code
    assert lines[3:-1] == code


STAGES = [
    ("a long paragraph by wrapped line", "word " * 60, "word"),
    ("code line by line", "```py\nx = 1\ny", "x = 1"),
    ("items one by one", "- first\n- second\n- ", "• first"),
    ("a heading at its end", "# Title\n", "# Title"),
    ("quotes line by line", "> one\n> two\n> three\n", "│ one"),
]


@pytest.mark.parametrize(("text", "line"), [s[1:] for s in STAGES], ids=[s[0] for s in STAGES])
def test_lines_are_final_before_their_block_is(text: str, line: str) -> None:
    stream = MarkdownStream(width=40, style=PLAIN)
    assert any(drawn.startswith(line) for drawn in stream.feed(text))


def test_text_held_back_in_a_paragraph_is_bounded() -> None:
    stream = MarkdownStream(width=40, style=PLAIN)
    text = "**open and never closed " + "[ `x <y &z $w " * 600
    drawn = stream.feed(text)
    assert len("".join(drawn)) > len(text) - 4 * LOOKAHEAD_CHARS


def test_a_line_longer_than_the_limit_is_never_an_underlined_heading() -> None:
    assert draw("x" * LINE_START_CHARS + "\n===", width=300) == ["# " + "x" * LINE_START_CHARS]
    assert draw("x" * (LINE_START_CHARS + 1) + "\n===", width=300) == [
        "x" * (LINE_START_CHARS + 1),
        "===",
    ]


def test_a_growing_table_shows_its_last_rows() -> None:
    stream = MarkdownStream(width=40, style=PLAIN)
    rows = "".join(f"|row {n}|x|\n" for n in range(50))
    assert stream.feed(f"|name|y|\n|-|-|\n{rows}") == []
    tail = stream.tail(5)
    assert [row.split(" │")[0] for row in tail] == [f"row {n}" for n in range(45, 50)]
    assert len(stream.finish()) == 52


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        ("a **bo", ["a bo"]),
        ("a **bold**", ["a bold"]),
        ("a `co", ["a `co"]),
        ("a [label](https://lo", ["a label"]),
        ("one\n-", ["one"]),
        ("one\n##", ["one"]),
        ("- a\n- ", ["• a"]),
        ("```", []),
        ("|a|b|\n|--", ["a │ b", "──┼──"]),
        ("```py\nx = ", ["── py", "x ="]),
        ("```py\nx = 1\n``", ["── py", "x = 1"]),
    ],
)
def test_the_tail_shows_likely_constructs_without_flicker(text: str, tail: list[str]) -> None:
    stream = MarkdownStream(width=40, style=PLAIN)
    drawn = [line for character in text for line in stream.feed(character)]
    assert [*drawn, *stream.tail(9)][-len(tail) or len(drawn) :] == tail


def test_a_long_code_line_is_one_line_and_rows_in_the_tail() -> None:
    stream = MarkdownStream(width=20, style=PLAIN)
    stream.feed("```\n" + "x" * 50)
    assert stream.tail(9) == ["x" * 20, "x" * 20, "x" * 10]
    assert stream.feed("\n") == ["x" * 50]


@examples(300)
@given(
    st.lists(
        st.sampled_from(
            [
                *("0<foo or foo>10", "List<T>", "<think>", "[bold]", "[/x]", ":smile:", "C:\\temp"),
                *("<i>", "a_b_c", "2 * 3", "$5", "{x}", "@me", "#tag", "100%", "a|b", "\n", "\n\n"),
                *("```\nx  y\n```\n", "    code\n", "<div>\n<p>\n</div>\n", "- ", "> ", "~"),
                "a & b",
            ]
        ),
        max_size=12,
    ),
    st.integers(5, 100),
)
def test_no_character_is_swallowed(parts: list[str], width: int) -> None:
    text = " ".join(parts)
    kept = "".join(c for c in text if c.isalnum() or c in "<>[]{}$@%&|:/\\")
    shown = joined(draw(text, width=width))
    missing = [c for c in set(kept) if shown.count(c) < kept.count(c) and c not in ">"]
    assert missing == []


@examples(300)
@given(st.data())
def test_every_word_of_a_document_is_shown_once(data: st.DataObject) -> None:
    starts = [
        "",
        "# ",
        "> ",
        "- ",
        "1. ",
        "  - ",
        "    ",
        "```\n",
        "~~~ ",
        "| a | b |\n|---|---|\n| ",
    ]
    marks = [*("", "*", "**", "`", "~~", "[", "](x)", "<b>", "\\", "|", "_", "&", "<", "![")]
    ends = ["\n", "\n\n", "  \n", "|\n", "\n===\n", "\n---\n"]
    words: list[str] = []
    text = ""
    for _ in range(data.draw(st.integers(1, 12))):
        text += data.draw(st.sampled_from(starts))
        for mark in data.draw(st.lists(st.sampled_from(marks), max_size=5)):
            words.append(
                f"word{'abcdefghij'[len(words) // 10 % 10]}{'klmnopqrst'[len(words) % 10]}x"
            )
            text += f"{mark}{words[-1]} "
        text += data.draw(st.sampled_from(ends))
    shown = joined(draw(text, width=data.draw(st.integers(10, 100))))
    assert {word: shown.count(word) for word in words} == dict.fromkeys(words, 1)
