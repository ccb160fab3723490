from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.text.terminal_safe import safe_text
from chatrepl.terminal.draw.layout.cell_width import cell_width, clip, graphemes, screen_rows
from chatrepl.terminal.draw.layout.spans import Span, plain_text, span
from chatrepl.terminal.draw.layout.wrapping import Wrapper
from tests.support.markdown_documents import examples

WORDS = [
    "a",
    "word",
    " ",
    "  ",
    "x" * 30,
    "中文",
    "。",
    "「",
    "👩\u200d👧",
    "e",
    "\u0301",
    "🇩🇪",
    "1\ufe0f⃣",
    "\U0001f3fb",
    "ᄀ",
    "ᅡ",
    "क्ष्म",
    "\n",
]
SAFE = st.text(max_size=3).map(lambda text: safe_text(text).replace("\t", " "))
texts = st.lists(st.sampled_from(WORDS) | SAFE, max_size=20).map("".join)
widths = st.integers(1, 60)


def width_of(line: str) -> int:
    """Measure by graphemes: a virama has another width in a text than alone."""
    return sum(map(cell_width, graphemes(line)))


def wrapped(spans: list[Span], width: int) -> list[list[Span]]:
    wrapper = Wrapper(width)
    wrapper.add(spans)
    wrapper.finish()
    return wrapper.lines


@examples(500)
@given(texts, widths, st.integers(1, 5))
def test_any_cut_wraps_to_the_same_lines(text: str, width: int, size: int) -> None:
    wrapper = Wrapper(width)
    for at in range(0, len(text), size):
        wrapper.add([span(text[at : at + size])])
    wrapper.finish()
    lines = [plain_text(line) for line in wrapper.lines]
    assert lines == [plain_text(line) for line in wrapped([span(text)], width)]


@examples(500)
@given(texts, st.integers(2, 60))
def test_no_line_is_too_wide_and_no_grapheme_is_cut(text: str, width: int) -> None:
    whole = [grapheme for part in text.split() for grapheme in graphemes(part)]
    lines = [plain_text(line) for line in wrapped([span(text)], width)]
    assert max(map(width_of, lines), default=0) <= width
    assert "".join("".join(lines).split()) == "".join("".join(whole).split())
    ends = [next(reversed(list(graphemes(line))), "") for line in lines if line.strip()]
    assert all(not end.strip() or end.strip() in whole for end in ends)


@examples(300)
@given(texts, widths, widths, st.integers(0, 40))
def test_a_new_width_holds_from_the_current_line_on(
    text: str, first: int, second: int, at: int
) -> None:
    wrapper = Wrapper(first)
    wrapper.add([span(text[:at])])
    finished = len(wrapper.lines)
    wrapper.resize(second)
    wrapper.add([span(text[at:])])
    wrapper.finish()
    lines = [plain_text(line) for line in wrapper.lines]
    assert "".join("".join(lines).split()) == "".join(text.split())
    if second > 1:
        assert all(width_of(line) <= second for line in lines[finished:])


def test_words_keep_the_styles_of_their_parts() -> None:
    lines = wrapped([span("aa b", "strong"), span("b cc", "code")], 5)
    assert lines == [
        [
            ("aa", ("strong",), ""),
            (" ", ("strong",), ""),
            ("b", ("strong",), ""),
            ("b", ("code",), ""),
        ],
        [("cc", ("code",), "")],
    ]


def test_rows_of_a_screen_count_tabs_and_wide_characters() -> None:
    assert screen_rows("a\tb" + "中" * 4, 10) == ["a       b", "中中中中"]
    assert screen_rows("", 5) == [""]
    assert screen_rows("abcdef", 5) == ["abcde", "f"]


@given(SAFE, st.integers(1, 20))
def test_clipping_fits_and_marks_the_cut(text: str, width: int) -> None:
    shown = clip(text, width)
    assert width_of(shown) <= width or shown == text
    assert shown == text or shown.endswith("…")


def test_a_grapheme_without_end_is_cut() -> None:
    assert max(len(grapheme) for grapheme in graphemes("e" + "\u0301" * 1000)) <= 32


@given(
    st.lists(st.sampled_from(["a", "👩\u200d", "🇩🇪", "e\u0301", "중"]), max_size=900).map("".join)
)
def test_graphemes_of_a_long_text_are_those_of_its_parts(text: str) -> None:
    assert "".join(graphemes(text)) == text
    *certain, _ = [*graphemes(text[: len(text) // 2]), ""]
    assert list(graphemes(text))[: len(certain) - 1] == certain[: len(certain) - 1]
