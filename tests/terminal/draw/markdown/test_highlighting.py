import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.terminal.draw.layout.spans import plain_text
from chatrepl.terminal.draw.markdown.highlighting import CodeHighlighter
from tests.support.markdown_documents import examples

LANGUAGES = [
    *("python", "js", "typescript", "tsx", "json", "yaml", "toml", "bash", "console", "html"),
    "xml",
    *("css", "c", "cpp", "java", "go", "rust", "sql", "diff", "ruby", "php", "kotlin", "swift"),
    *("haskell", "lua", "perl", "make", "docker", "markdown", "ini", "", "nosuchlanguage"),
    "{.python}",
]
CODE = st.lists(
    st.sampled_from(
        [
            *("def f(x):", '"""', "'", '"', "/*", "*/", "<!--", "-->", "//", "#", "`", "${", "}"),
            *("{", " ", "\t", "return", "1.5", "<div>", "---", "key: value", "- x", "$ ls"),
            *("<<EOF", "EOF"),
        ]
    )
    | st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=4),
    max_size=8,
).map("".join)


def styles(language: str, *lines: str) -> list[list[tuple[str, str]]]:
    block = CodeHighlighter(language)
    return [
        [(text, names[0]) for text, names, _ in block.line(line) if text.strip()] for line in lines
    ]


@examples(500)
@given(st.sampled_from(LANGUAGES), st.lists(CODE, max_size=6))
def test_highlighting_keeps_every_character(language: str, lines: list[str]) -> None:
    block = CodeHighlighter(language)
    assert [plain_text(block.line(line)) for line in lines] == lines


def test_a_language_is_coloured() -> None:
    kinds = {kind for _, kind in styles("python", "return 'x'  # y")[0]}
    assert kinds == {"code.keyword", "code.string", "code.comment"}


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("c", ["int x; /* one", "two", "three */ int y;"]),
        ("js", ["f() /* one", "two", "three */ g()"]),
        ("css", ["a {} /* one", "two", "three */ b {}"]),
        ("html", ["<p><!-- one", "two", "three --></p>"]),
        ("rust", ["fn f() {} /* one", "two", "three */ fn g() {}"]),
    ],
)
def test_comments_continue_over_lines(language: str, lines: list[str]) -> None:
    first, middle, last = styles(language, *lines)
    assert first[-1][1] == "code.comment"
    assert [kind for _, kind in middle] == ["code.comment"]
    assert last[0][1] == "code.comment"
    assert last[-1][1] != "code.comment"


@pytest.mark.parametrize("line", ['x = "/*";', "f() // see /*", "a /* b */ c"])
def test_comment_marks_in_strings_and_comments_open_no_comment(line: str) -> None:
    assert styles("js", line, "return 1")[1][0] == ("return", "code.keyword")


def test_strings_over_several_lines_keep_their_colour() -> None:
    _, middle, after = styles("python", '"""one', "two", 'three"""; return 1')
    assert middle == [("two", "code.string")]
    assert ("return", "code.keyword") in after


def test_a_clone_is_independent() -> None:
    block = CodeHighlighter("c")
    block.clone().line("/* open")
    assert block.line("return")[0][1] == ("code.keyword",)


def test_an_overlong_line_is_not_coloured() -> None:
    assert len(CodeHighlighter("python").line("return " * 1000)) == 1
