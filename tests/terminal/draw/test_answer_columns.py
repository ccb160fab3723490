"""Answers side by side: each column is drawn as the answer would be alone."""

from hypothesis import example, given
from hypothesis import strategies as st

from chatrepl.core.events import TextDelta
from chatrepl.terminal.draw.answer_columns import AnswerColumns, columns_fit, cut_line
from chatrepl.terminal.draw.answer_view import AnswerView
from chatrepl.terminal.draw.layout.cell_width import cell_width, graphemes
from chatrepl.terminal.draw.layout.style import DrawStyle
from tests.support.drawing import ASCII, COLOR, PLAIN, assert_harmless, visible
from tests.support.markdown_documents import examples, lines

WIDTH = 83
CELLS = 40


short_documents = st.lists(lines, max_size=5).map("".join)


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[str], list[tuple[int, str]]]:
    texts = [draw(short_documents), draw(short_documents)]
    pieces: list[tuple[int, str]] = []
    at = [0, 0]
    for index, length in draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 30)))):
        pieces.append((index, texts[index][at[index] : at[index] + length]))
        at[index] += length
    return texts, [*pieces, (0, texts[0][at[0] :]), (1, texts[1][at[1] :])]


def alone(text: str, style: DrawStyle, cells: int) -> list[str]:
    view = AnswerView(style, is_markdown=True, width=cells)
    drawn = [*view.feed(TextDelta(text), cells), *view.finish(cells)]
    return [row for line in drawn for row in cut_line(line, cells)]


def bare(row: str) -> str:
    """Drop combining marks at the beginning: without a letter they join the column before."""
    while row and not cell_width(row[0]):
        row = row[1:]
    return row


def columns_of(rows: list[str]) -> list[list[str]]:
    """Split rows into their two columns, by cells."""
    taken: list[list[str]] = [[], []]
    for row in rows:
        shown = graphemes(bare(visible(row)))
        cells = [cell for g in shown for cell in (g, *[""] * (cell_width(g) - 1))]
        taken[0].append("".join(cells[:CELLS]).rstrip())
        taken[1].append("".join(cells[CELLS + 3 :]).rstrip())
    return taken


def test_two_answers_are_drawn_side_by_side() -> None:
    view = AnswerColumns(("a", "b"), PLAIN, is_markdown=True, width=WIDTH)
    rows = view.heading((1, 2))
    rows += view.feed(TextDelta("# One\n\nfirst", 0), WIDTH)
    rows += view.feed(TextDelta("- x\n- y\n", 1), WIDTH)
    rows += view.end(1, ["figures"], WIDTH)
    rows += view.end(0, ["", "cut"], WIDTH)
    assert view.is_over
    assert [row.split("│")[0].strip() for row in rows] == [
        "1 · a",
        "─" * 40 + "─┼─" + "─" * 40,
        *("# One", "", "first", "", "cut"),
    ]
    assert [row.split("│")[1].strip() for row in rows[2:]] == [
        "• x",
        "• y",
        "figures",
        "",
        "",
    ]


@examples(60)
@given(interleaved())
@example((["", "\u0eb1\n"], [(0, ""), (1, "\u0eb1\n")]))
@example((["\u0301a\n", "\u0301\n"], [(0, "\u0301a\n"), (1, "\u0301\n")]))
def test_any_interleaving_draws_each_column_as_if_it_were_alone(
    case: tuple[list[str], list[tuple[int, str]]],
) -> None:
    texts, pieces = case
    view = AnswerColumns(("a", "b"), ASCII, is_markdown=True, width=WIDTH)
    rows: list[str] = []
    for index, text in pieces:
        rows += view.feed(TextDelta(text, index), WIDTH)
        assert len(view.tail(5)) <= 5
    rows += view.finish(WIDTH)
    for column, text in zip(columns_of(rows), texts, strict=True):
        wanted = [bare(visible(row)).rstrip() for row in alone(text, ASCII, CELLS)]
        while wanted and not wanted[-1]:
            wanted.pop()
        while column and not column[-1]:
            column.pop()
        assert column == wanted


@examples(100)
@given(interleaved(), st.lists(st.integers(20, 200), min_size=1, max_size=4), st.booleans())
def test_rows_fit_the_terminal_at_any_width(
    case: tuple[list[str], list[tuple[int, str]]], widths: list[int], is_markdown: bool
) -> None:
    _, pieces = case
    view = AnswerColumns(("a", "b"), COLOR, is_markdown=is_markdown, width=widths[0])
    for number, (index, text) in enumerate(pieces):
        width = widths[number * len(widths) // len(pieces)]
        rows = [*view.feed(TextDelta(text, index), width), *view.tail(9)]
        assert_harmless(rows)
        assert all(cell_width(visible(row)) <= max(width, 5) for row in rows)


@given(st.text("ab \t中", max_size=60), st.integers(2, 20))
def test_a_line_that_is_cut_loses_nothing(text: str, cells: int) -> None:
    styled = f"\x1b[1m{text}\x1b[0m{text}"
    rows = cut_line(styled, cells)
    assert all(cell_width(visible(row)) <= cells for row in rows)
    assert "".join(visible("".join(rows)).split()) == "".join((text + text).split())


def test_a_cut_row_continues_its_style() -> None:
    assert cut_line("\x1b[1mabcd\x1b[0mef", 3) == [
        "\x1b[1mabc\x1b[0m",
        "\x1b[1md\x1b[0mef",
    ]


def test_a_row_that_is_cut_in_a_colour_has_no_blank_at_its_end() -> None:
    text = "~~~~ js x\n" + "long words " * 12 + "\n"
    view = AnswerColumns(("a", "b"), COLOR, is_markdown=True, width=20)
    rows = [*view.feed(TextDelta(text, 1), 20), *view.tail(9)]
    assert any("words" in visible(row) for row in rows)
    assert all(visible(row) == visible(row).rstrip(" ") for row in rows)


def test_columns_must_be_wide_enough_to_read() -> None:
    assert columns_fit(2, 80)
    assert not columns_fit(3, 80)
    assert columns_fit(3, 120)
