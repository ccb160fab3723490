"""Rows of cells: how wide they are, and how they are cut."""

import pytest
from prompt_toolkit.layout.screen import Char

from chatrepl.terminal.screen.pending_lines import ANY_ROWS, PendingLines
from chatrepl.terminal.screen.screen_cells import cut_row, least_columns, row_of_line, row_of_text


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("plain", 5),
        ("東京", 4),
        ("e\u0301", 1),
        ("a👩\u200d👧b", 4),
        ("👍🏽", 2),
        ("🇩🇪🇫🇷", 4),
        ("🇩🇪🇫", 3),
    ],
)
def test_what_terminals_join_counts_as_joined(text: str, least: int) -> None:
    row = row_of_line(text)
    assert least_columns(row) == len(row) == least


@pytest.mark.parametrize(("text", "least"), [("a👩\u200d👧b", 4), ("👍🏽!", 3), ("🇩🇪🇫🇷", 4)])
def test_what_terminals_join_in_what_is_typed_counts_as_joined(text: str, least: int) -> None:
    assert least_columns(Char(character) for character in text) == least


@pytest.mark.parametrize("text", ["नमस्\u200dते", "\u0645\u06cc\u200c\u062e", "中文 e\u0301"])
def test_letters_that_are_joined_stay_as_they_are(text: str) -> None:
    assert "".join(cell.char for cell in row_of_line(text)) == text


@pytest.mark.parametrize("text", ["a👩\u200d👧b", "👍🏽", "🇩🇪🇫🇷", "❤\ufe0f"])
def test_texts_that_are_no_answers_keep_their_emoji(text: str) -> None:
    assert "".join(cell.char for cell in row_of_text(text)) == text


def test_a_row_is_cut_before_half_a_wide_character() -> None:
    assert "".join(cell.char for cell in cut_row(row_of_text("a東京"), 4)) == "a東"


def test_lines_wait_in_order_and_go_out_by_rows() -> None:
    lines = PendingLines()
    lines.add(["a" * 10, "b" * 25, "c"])
    assert not lines.fit(4, 10)
    assert lines.fit(5, 10)
    assert lines.take(2, 10) == ["a" * 10, "b" * 25]
    lines.put_back(["b" * 25])
    assert lines.take(0, 10) == []
    assert lines.take(ANY_ROWS, 10) == ["b" * 25, "c"]
    assert not lines


def test_a_slow_terminal_gets_smaller_slices() -> None:
    lines = PendingLines()
    lines.add("x" * 100 for _ in range(1000))
    first = len(lines.take(ANY_ROWS, 80))
    lines.record_duration(1.0)
    assert len(lines.take(ANY_ROWS, 80)) < first
