"""Width and cut of rows of cells, and the queue of lines."""

import pytest
from prompt_toolkit.layout.screen import Char

from chatrepl.terminal.screen.pending_lines import ANY_ROWS, PendingLines
from chatrepl.terminal.screen.screen_cells import (
    columns_of_line,
    cut_row,
    least_columns,
    row_of_line,
    row_of_text,
)


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
def test_joined_emoji_count_once(text: str, least: int) -> None:
    row = row_of_line(text)
    assert least_columns(row) == len(row) == least


@pytest.mark.parametrize(("text", "least"), [("a👩\u200d👧b", 4), ("👍🏽!", 3), ("🇩🇪🇫🇷", 4)])
def test_joined_emoji_in_the_input_count_once(text: str, least: int) -> None:
    assert least_columns(Char(character) for character in text) == least


@pytest.mark.parametrize("text", ["नमस्\u200dते", "\u0645\u06cc\u200c\u062e", "中文 e\u0301"])
def test_letters_that_are_joined_stay_as_they_are(text: str) -> None:
    assert "".join(cell.char for cell in row_of_line(text)) == text


@pytest.mark.parametrize("text", ["a👩\u200d👧b", "👍🏽", "🇩🇪🇫🇷", "❤\ufe0f"])
def test_texts_that_are_no_answers_keep_their_emoji(text: str) -> None:
    assert "".join(cell.char for cell in row_of_text(text)) == text


def test_a_row_is_cut_before_half_a_wide_character() -> None:
    assert "".join(cell.char for cell in cut_row(row_of_text("a東京"), 4)) == "a東"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "plain",
        "\x1b[1;38;5;200mbold\x1b[0m and \x1b]8;;https://x\x1b\\link\x1b]8;;\x07",
        "東京",
        "a\tb",
    ],
)
def test_columns_of_a_line_are_those_of_its_row(line: str) -> None:
    assert columns_of_line(line) == len(row_of_line(line))


def test_styles_of_a_line_are_those_of_its_cells() -> None:
    row = row_of_line("\x1b[1;31mred\x1b[22;39m \x1b]8;;https://x\x07\x1b[38;2;1;2;3mlink")
    styles = [cell.style for cell in row if cell.char in "rl"]
    assert styles == ["ansired bold", "#010203"]


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
