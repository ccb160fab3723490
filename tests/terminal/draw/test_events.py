import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.events import (
    AnswerEnded,
    ConversationShown,
    Level,
    Notice,
    PlainText,
    Progress,
    Table,
    TextDelta,
    WordsShaded,
)
from chatrepl.core.messages import State
from chatrepl.core.turn.sequencer import HeldAnswer
from chatrepl.terminal.draw.answer_view import AnswerView
from chatrepl.terminal.draw.events import (
    draw_answer_end,
    draw_conversation,
    draw_held_answers,
    draw_notice,
    draw_plain,
    draw_progress,
    draw_shaded,
    draw_table,
    draw_user_message,
)
from chatrepl.terminal.draw.layout.cell_width import cell_width
from chatrepl.terminal.draw.layout.style import ColorDepth, DrawStyle, Theme
from chatrepl.terminal.draw.markdown.stream import MarkdownStream
from chatrepl.terminal.draw.plain_text import ReasoningStream
from tests.support.drawing import (
    ASCII,
    COLOR,
    PLAIN,
    STYLES,
    assert_harmless,
    message,
    visible,
)
from tests.support.markdown_documents import examples

hostile = st.text(st.sampled_from("ab \n\t\r\x1b[]中👩\u200d\u202e\x9b\ud800[/x]*|"), max_size=30)


@examples(200)
@given(st.lists(hostile, min_size=6, max_size=6), st.sampled_from(STYLES), st.integers(1, 100))
def test_events_with_hostile_text_are_drawn_safely(
    texts: list[str], style: DrawStyle, width: int
) -> None:
    a, b, c, d, e, f = texts
    lines = [
        *draw_table(Table((a, b), ((c, d), (e, f)), title=a, footer=(b,)), style, width),
        *draw_notice(Notice(a, Level.ERROR, hint=b), style, width),
        *draw_plain(PlainText(c, "json"), style, width),
        *draw_plain(PlainText(c), style, width),
        draw_progress(Progress(d, 3, 10, unit=e), style, width),
        *draw_answer_end(AnswerEnded(message("assistant", a, finish_reason=f)), style, width),
        *draw_conversation(
            ConversationShown([message(a, b), message("user", c), message("assistant", d)]),
            style,
            width,
        ),
    ]
    assert_harmless([line.rstrip() for line in lines])


def test_a_user_message_stands_behind_the_prompt_mark() -> None:
    text = "hello there, my friend\n  second line"
    assert draw_user_message(text, PLAIN, 16) == [
        *("❯ hello there,", "  my friend", "    second line")  # noqa: RUF001
    ]
    assert draw_user_message("hi", ASCII, 80) == ["> hi"]


def test_a_table_aligns_numbers_right() -> None:
    table = Table(("name", "tokens"), (("a", "5"), ("b", "12")), "all", ("17",), frozenset({1}))
    assert draw_table(table, PLAIN, 80) == [
        *("all", "name │ tokens", "─────┼───────", "a    │      5", "b    │     12", "17")
    ]


def test_a_table_of_no_rows_shows_its_head() -> None:
    assert draw_table(Table(("name",), ()), PLAIN, 80) == ["name", "────"]


def test_a_notice_has_its_mark_and_hint() -> None:
    notice = Notice("no server answers", Level.ERROR, hint="is it running?")
    assert draw_notice(notice, PLAIN, 80) == ["✗ no server answers — is it running?"]
    assert draw_notice(notice, ASCII, 24) == ["x no server answers - is", "  it running?"]
    assert draw_notice(Notice("", topic="key"), PLAIN, 80) == []


@pytest.mark.parametrize(
    ("state", "finish_reason", "beginning"),
    [
        (State.COMPLETE, "stop", ""),
        (State.COMPLETE, None, ""),
        (State.COMPLETE, "length", "length:"),
        (State.COMPLETE, "content_filter", "! content filter:"),
        (State.COMPLETE, "odd\x1b", "ended: odd␛"),
        (State.STOPPED, None, "stopped"),
        (State.CUT, None, "cut off:"),
        (State.FAILED, None, "failed:"),
    ],
)
def test_an_incomplete_answer_shows_its_reason(
    state: State, finish_reason: str | None, beginning: str
) -> None:
    ended = AnswerEnded(message("assistant", "x", state=state, finish_reason=finish_reason))
    lines = draw_answer_end(ended, PLAIN, 100)
    assert [line[: len(beginning)] for line in lines] == ([beginning] if beginning else [])


def test_progress_of_held_answers_fits_one_row() -> None:
    held = [HeldAnswer(2, 120, False), HeldAnswer(3, 0, False), HeldAnswer(4, 7, True)]
    line = draw_held_answers("", held, PLAIN, 80)
    assert line == "⋯ 2: 120 words · 3: no word yet · 4: done"
    assert draw_held_answers("⋯ gpt  3 s", held[:1], PLAIN, 80) == "⋯ gpt  3 s · 2: 120 words"
    assert cell_width(draw_held_answers("", held, PLAIN, 20)) <= 20


def test_a_single_answer_has_no_figures_below_it() -> None:
    assert draw_answer_end(AnswerEnded(message("assistant", "x"), 1.0, 0.5), PLAIN, 80) == []


def test_shown_messages_are_drawn_as_they_streamed() -> None:
    text = "# Title\n\n- a **b**\n\n```py\nx = 1\n```\n"
    answer = MarkdownStream(width=50, style=COLOR)
    reasoning = ReasoningStream(width=50, style=COLOR)
    streamed = [
        *(line for character in "let me see\n\nyes" for line in reasoning.feed(character)),
        *reasoning.finish(),
        *(line for character in text for line in answer.feed(character)),
        *answer.finish(),
    ]
    for shown in (
        message("assistant", text, reasoning="let me see\n\nyes"),
        message("assistant", f"<think>let me see\n\nyes</think>\n\n{text}"),
    ):
        drawn = draw_conversation(ConversationShown([message("user", "hi"), shown]), COLOR, 50)
        assert drawn[2:] == streamed
        assert visible(drawn[0]) == "❯ hi"  # noqa: RUF001


@pytest.mark.parametrize("is_markdown", [True, False])
def test_an_answer_shown_again_equals_the_streamed_one(is_markdown: bool) -> None:
    text = "<think>so</think>\n# Title\n\n- a **b**\n\n```py\nx = 1\n```\n| a |\n|---|\n| b |"
    view = AnswerView(COLOR, is_markdown=is_markdown, width=50)
    streamed = [line for character in text for line in view.feed(TextDelta(character), 50)]
    streamed += view.finish(50)
    shown = ConversationShown([message("assistant", text)])
    assert draw_conversation(shown, COLOR, 50, is_markdown=is_markdown) == streamed
    assert ("# Title" in streamed) is not is_markdown


def test_reasoning_is_labelled_set_apart_and_can_be_hidden() -> None:
    stream = ReasoningStream(width=30, style=PLAIN)
    lines = [*stream.feed("\n\none\n\n\n\ntwo\n\n"), *stream.finish()]
    assert lines == ["✻ thinking…", "one", "", "two", ""]
    hidden = ReasoningStream(width=30, style=DrawStyle(show_thinking=False))
    assert hidden.feed("one\ntwo") == []
    assert hidden.tail(5) == ["✻ thinking…"]
    assert hidden.finish() == []


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.text(max_size=20), st.integers(1, 120))
def test_progress_is_one_line_that_fits(done: int, total: int, label: str, width: int) -> None:
    line = visible(draw_progress(Progress(label, done, total), COLOR, width))
    assert "\n" not in line
    assert cell_width(line) <= max(width, 2)


def test_progress_shows_a_bar_and_amounts() -> None:
    line = draw_progress(Progress("fetching", 30, 120, unit="files"), PLAIN, 80)
    assert line == "fetching ━━━━━━──────────────────  25% 30 files / 120 files"
    assert draw_progress(Progress("fetching", 1_500_000, 0), PLAIN, 80) == "fetching 1.5 MB"


def test_a_table_whose_columns_have_no_names_has_no_head() -> None:
    rows = [("model", "test"), ("key", "none")]
    assert draw_table(Table(("", ""), rows), PLAIN, 40) == ["model │ test", "key   │ none"]
    assert len(draw_table(Table(("", "value"), rows), PLAIN, 40)) == 4


def test_a_clipped_table_has_one_line_for_each_row_and_cuts_only_its_last_column() -> None:
    rows = [("1", "你好，世界 🙂 " * 9), ("2", "short")]  # noqa: RUF001
    lines = draw_table(Table(("#", "words"), rows, is_clipped=True), PLAIN, 24)
    assert len(lines) == 4
    assert lines[2].endswith("…")
    assert all(cell_width(line) <= 24 for line in lines)
    assert lines[3] == "2 │ short"
    assert len(draw_table(Table(("#", "words"), rows), PLAIN, 24)) > 4


WORDS = WordsShaded((("It", 0.99), (" is", 0.7), (" Paris", 0.3), (".", 0.05)))


def test_unsure_words_have_figures_without_colours() -> None:
    lines = draw_shaded(WORDS, DrawStyle(), 60)
    assert lines[0] == "It is[70%] Paris[30%].[5%]"
    assert "90% or more" in lines[-1]


def test_each_shade_differs_and_sure_words_are_plain() -> None:
    themes: tuple[Theme, ...] = ("auto", "dark", "light")
    for theme in themes:
        style = DrawStyle(colors=ColorDepth.TRUECOLOR, theme=theme)
        line = draw_shaded(WORDS, style, 60)[0]
        assert line.startswith("It ")
        starts = [part.partition("m")[0] for part in line.split("\x1b[") if part[:2] != "0m"][1:]
        assert len(set(starts)) == 3
        assert "%" not in line


@given(st.lists(st.tuples(st.text(), st.floats(0, 1))), st.integers(1, 100))
def test_shaded_words_with_hostile_text_are_drawn_safely(
    pieces: list[tuple[str, float]], width: int
) -> None:
    for line in draw_shaded(WordsShaded(pieces), DrawStyle(), width):
        assert not set(line) & {"\x1b", "\x9b", "\x07", "\n", "\r"}
