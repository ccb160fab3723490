from datetime import UTC, datetime

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
)
from chatrepl.core.messages import Message, State
from chatrepl.terminal.draw.answer_view import AnswerView
from chatrepl.terminal.draw.events import (
    draw_answer_end,
    draw_conversation,
    draw_notice,
    draw_plain,
    draw_progress,
    draw_table,
    draw_user_message,
)
from chatrepl.terminal.draw.layout.cell_width import cell_width
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.markdown.stream import MarkdownStream
from chatrepl.terminal.draw.plain_text import ReasoningStream
from tests.support.markdown_documents import COLOR, PLAIN, STYLES, examples, visible
from tests.terminal.draw.markdown.test_stream_law import assert_harmless

ASCII = DrawStyle(unicode=False)
hostile = st.text(st.sampled_from("ab \n\t\r\x1b[]中👩\u200d\u202e\x9b\ud800[/x]*|"), max_size=30)


def message(role: str, content: str, **fields: object) -> Message:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return Message("1", None, role, content, created, **fields)  # type: ignore[arg-type]


@examples(200)
@given(st.lists(hostile, min_size=6, max_size=6), st.sampled_from(STYLES), st.integers(1, 100))
def test_whatever_an_event_holds_is_drawn_safely(
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


def test_a_sent_message_stands_behind_the_prompt_mark() -> None:
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
def test_an_answer_that_is_not_whole_says_why(
    state: State, finish_reason: str | None, beginning: str
) -> None:
    ended = AnswerEnded(message("assistant", "x", state=state, finish_reason=finish_reason))
    lines = draw_answer_end(ended, PLAIN, 100)
    assert [line[: len(beginning)] for line in lines] == ([beginning] if beginning else [])


def test_messages_are_drawn_as_they_were_when_they_came() -> None:
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
def test_an_answer_shown_again_looks_as_it_did_when_it_streamed(is_markdown: bool) -> None:
    text = "<think>so</think>\n# Title\n\n- a **b**\n\n```py\nx = 1\n```\n| a |\n|---|\n| b |"
    view = AnswerView(COLOR, is_markdown=is_markdown, width=50)
    streamed = [line for character in text for line in view.feed(TextDelta(character), 50)]
    streamed += view.finish(50)
    shown = ConversationShown([message("assistant", text)])
    assert draw_conversation(shown, COLOR, 50, is_markdown=is_markdown) == streamed
    assert ("# Title" in streamed) is not is_markdown


def test_thinking_is_labelled_set_apart_and_can_be_hidden() -> None:
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


def test_progress_says_how_far_it_is() -> None:
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
