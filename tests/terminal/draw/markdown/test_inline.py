"""Inline Markdown, compared with markdown-it and by example."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatrepl.terminal.draw.layout.spans import Span, plain_text
from chatrepl.terminal.draw.layout.style import ColorDepth, DrawStyle
from chatrepl.terminal.draw.markdown.inline import InlineScanner, inline_spans
from chatrepl.terminal.draw.markdown.inline_syntax import LOOKAHEAD_CHARS
from tests.support.markdown_documents import examples, inlines

STYLE = DrawStyle(colors=ColorDepth.TRUECOLOR)
KINDS = {"strong": "strong", "em": "emphasis", "s": "strike"}
pieces = st.sampled_from(
    [
        "a",
        "b c",
        " ",
        "*",
        "**",
        "***",
        "_",
        "__",
        "~~",
        "`",
        "``",
        ".",
        "(",
        '"',
        "\\",
        "\\*",
        "&lt;",
    ]
)


def expected(tokens: list[Token]) -> list[tuple[str, frozenset[str]]]:
    """Return each character with the kinds that markdown-it gives it."""
    open_kinds: list[str] = []
    characters = []
    for token in tokens:
        if token.type.endswith("_open"):
            open_kinds.append(KINDS[token.tag])
        elif token.type.endswith("_close"):
            open_kinds.remove(KINDS[token.tag])
        else:
            own = {"code"} if token.type == "code_inline" else set()
            kinds = frozenset({*open_kinds, *own})
            characters += [(character, kinds) for character in token.content]
    return characters


def found(spans: list[Span]) -> list[tuple[str, frozenset[str]]]:
    return [(character, frozenset(names)) for text, names, _ in spans for character in text]


@examples(1000)
@given(st.lists(pieces, max_size=14).map("".join))
def test_emphasis_and_code_spans_match_markdown_it(text: str) -> None:
    text = text.strip().replace("~~~", "")
    parser = MarkdownIt("zero").enable(
        ["emphasis", "strikethrough", "backticks", "escape", "entity", "balance_pairs"]
    )
    tokens = parser.parseInline(text)[0].children or []
    assert found(inline_spans(text, STYLE)) == expected(tokens)


@examples(500)
@given(inlines, st.integers(1, 7))
def test_any_cut_gives_the_same_spans(text: str, size: int) -> None:
    scanner = InlineScanner(STYLE)
    spans = [
        span for at in range(0, len(text), size) for span in scanner.feed(text[at : at + size])
    ]
    spans += scanner.finish()
    assert found(spans) == found(inline_spans(text, STYLE))


@pytest.mark.parametrize(
    "text",
    [
        "0<foo or foo>10",
        "List<T> and Map<K, V>",
        "a <think> and </think>",
        "[bold]x[/bold] [/x] [] [ ] [x]",
        ":smile: C:\\temp\\new \\d+ \\n",
        "<!-- a *comment* --> <b class='x_y_z'>*<i>",
        "snake_case_name and 2 * 3 * 4 and a*b",
        "$5 and $6, $10-$20, US$5, $HOME:$PATH, 5$",
        "~5 to ~10 ~not struck~",
        "&nosuch; & &; &#; AT&T",
        "`unclosed and ``two",
        "[not](a link, [nor this] (x)",
        "**unclosed and __this",
        "javascript:alert(1)",
    ],
)
def test_text_without_markdown_is_shown_as_written(text: str) -> None:
    assert plain_text(inline_spans(text, STYLE)) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[label](https://e.x/p)", "label (https://e.x/p)"),
        ('[label](https://e.x/p "a title")', 'label (https://e.x/p "a title")'),
        ("[https://e.x](https://e.x)", "https://e.x"),
        ("<https://e.x> <me@e.x>", "https://e.x me@e.x"),
        ("[a](<b c>) [d](e\\)f)", "a (b c) d (e)f)"),
        ("[x](javascript:alert(1))", "x (javascript:alert(1))"),
        ("![alt](pic.png)", "image: alt (pic.png)"),
        ("[a [b](c) d](e)", "[a b (c) d](e)"),
        ("[a `]` b](c)", "a ] b (c)"),
        ("\\*no\\* \\[x\\]", "*no* [x]"),
        ("&amp; &#65; &copy; &#x2014;", "& A © —"),
        ("&#8238;x &#27;[2J &#0;", "␦x ␛[2J \ufffd"),
        ("a  b", "a  b"),
    ],
)
def test_links_escapes_and_entities_are_drawn(text: str, shown: str) -> None:
    assert plain_text(inline_spans(text, STYLE)) == shown


def test_terminal_links_go_to_the_address_and_show_its_host() -> None:
    style = DrawStyle(colors=ColorDepth.TRUECOLOR, hyperlinks=True)
    spans = inline_spans("[https://bank.com](https://bank.com@evil.test/x y)", style)
    assert all(not url for _, _, url in spans)
    spans = inline_spans("[https://bank.com](https://bank.com@evil.test/é)", style)
    target = "https://bank.com@evil.test/%C3%A9"
    assert {span[1:] for span in spans[:-1]} == {(("link",), target)}
    assert plain_text(spans) == "https://bank.com (evil.test)"


@pytest.mark.parametrize(
    "url", ["vscode://file/x", "ssh://-oProxyCommand=x/", "file:///etc/passwd"]
)
def test_other_schemes_are_shown_and_never_become_links(url: str) -> None:
    style = DrawStyle(colors=ColorDepth.TRUECOLOR, hyperlinks=True)
    spans = inline_spans(f"[x]({url})", style)
    assert all(not target for _, _, target in spans)
    assert plain_text(spans) == f"x ({url})"


@pytest.mark.parametrize("text", ["**注意。**请", "これは**“強調”**です", "日本語**強調」**です"])
def test_emphasis_works_beside_east_asian_punctuation(text: str) -> None:
    assert "strong" in {name for _, names, _ in inline_spans(text, STYLE) for name in names}


def test_emphasis_is_limited_in_length() -> None:
    near, far = "x" * (LOOKAHEAD_CHARS - 2), "x" * (LOOKAHEAD_CHARS - 1)
    assert found(inline_spans(f"**{near}**", STYLE))[0] == ("x", frozenset({"strong"}))
    assert plain_text(inline_spans(f"**{far}**", STYLE)) == f"**{far}**"


def test_text_before_an_open_mark_is_final_and_behind_it_held() -> None:
    scanner = InlineScanner(STYLE)
    assert plain_text(scanner.feed("done **open")) == "done "
    assert plain_text(scanner.feed("x" * LOOKAHEAD_CHARS)) == "**open" + "x" * LOOKAHEAD_CHARS


def test_a_preview_shows_open_marks_as_if_they_were_closed() -> None:
    scanner = InlineScanner(STYLE)
    scanner.feed("a **b `c")
    assert scanner.clone().preview() == [("b ", ("strong",), ""), ("c", ("strong", "code"), "")]
    assert plain_text(scanner.finish()) == "**b `c"
