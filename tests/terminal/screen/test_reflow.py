"""Erasure and reprinting after a resize while frames were on their way."""

from collections.abc import Sequence

from prompt_toolkit.layout.screen import Char, Screen

from chatrepl.terminal.screen.prompt_toolkit_internals import Size
from chatrepl.terminal.screen.reflow import Erasure, Reflow, SentFrame
from chatrepl.terminal.screen.renderer import DrawnRegion

NARROW, WIDE = Size(rows=33, columns=47), Size(rows=36, columns=93)


def region(*tail: str) -> DrawnRegion:
    """Draw a tail, an input line with the cursor, and a toolbar."""
    screen = Screen()
    rows = [*tail, "> ", "toolbar"]
    for y, row in enumerate(rows):
        screen.data_buffer[y].update({x: Char(char) for x, char in enumerate(row)})
    screen.height = len(rows)
    return DrawnRegion(screen, 2, len(tail))


def send(
    reflow: Reflow,
    size: Size,
    lines: Sequence[str],
    drawn: DrawnRegion,
    before: DrawnRegion | None = None,
) -> None:
    reflow.record_frame(SentFrame(size, before, lines, drawn, sent_s=0.0))


def answer(reflow: Reflow, size: Size, first_row: int, last_row: int) -> None:
    reflow.take_cursor_row(first_row)
    reflow.take_cursor_row(last_row)
    assert reflow.take_size(size.rows, size.columns) == size


def test_lines_that_a_frame_erased_are_printed_again_and_none_above_them_erased() -> None:
    reflow = Reflow(is_rewrapping=True, is_answering=True)
    lines = [f"line {number}" for number in range(20)]
    before = region("tail")
    send(reflow, NARROW, lines, before)
    answer(reflow, NARROW, 31, 31)
    drawn = region("one", "two")
    send(reflow, NARROW, [], drawn, before)
    # The window is larger when it comes, and the cursor six rows above the input line's place.
    answer(reflow, WIDE, 28, 29)
    assert reflow.erasure(WIDE, 0.1) == Erasure(2, lines[-6:])


def test_rows_that_a_frame_left_are_erased_and_what_it_printed_below_them_is_printed_again() -> (
    None
):
    reflow = Reflow(is_rewrapping=True, is_answering=True)
    before = region("x" * 90, "y" * 90)
    send(reflow, WIDE, ["above"], before)
    answer(reflow, WIDE, 34, 34)
    drawn = region("tail")
    send(reflow, WIDE, ["printed"], drawn, before)
    answer(reflow, NARROW, 32, 31)
    # Two rows were four: two are left, then the printed line, then the tail.
    assert reflow.erasure(NARROW, 0.1) == Erasure(4, ["printed"])


def test_lines_that_were_printed_long_before_are_known_still() -> None:
    reflow = Reflow(is_rewrapping=True, is_answering=True)
    lines = [f"line {number}" for number in range(20)]
    drawn = region("tail")
    send(reflow, NARROW, lines, drawn)
    answer(reflow, NARROW, 31, 31)
    for _ in range(30):
        send(reflow, NARROW, [], drawn, drawn)
        answer(reflow, NARROW, 31, 31)
    send(reflow, NARROW, [], drawn, drawn)
    answer(reflow, WIDE, 30, 30)
    assert reflow.erasure(WIDE, 0.1) == Erasure(1, lines[-4:])


def test_a_cursor_that_was_moved_up_above_blank_rows_is_noticed() -> None:
    reflow = Reflow(is_rewrapping=True, is_answering=True)
    for _ in range(30):
        send(reflow, NARROW, [f"line {number}" for number in range(20)], region("tail"))
        answer(reflow, NARROW, 31, 31)
    drawn = region("one", "two")
    send(reflow, NARROW, [], drawn, region("tail"))
    # A blank row is left below the toolbar.
    answer(reflow, NARROW, 31, 30)
    reflow.record_query(NARROW, 0.2)
    reflow.take_cursor_row(26)
    assert reflow.take_size(WIDE.rows, WIDE.columns) == WIDE
    # It belongs into row 33, and is seven rows too high: the region begins below it.
    assert reflow.erasure(WIDE, 0.3) == Erasure(2 - 7, [])


def test_rows_that_were_wider_before_are_wrapped_as_they_were() -> None:
    screen = Screen()
    for y, row in enumerate(["tail", "> ", "toolbar"]):
        screen.data_buffer[y].update({x: Char(char) for x, char in enumerate(row)})
    screen.height = 3
    drawn = DrawnRegion(screen, 2, 1, (60, 70, 7))
    assert (drawn.rows_above(30), drawn.rows_below(30)) == (2, 2 + 1)
    assert drawn.rows_below(30, screen_rows=3) == 2 + 1 + 2
    assert (drawn.rows_above(80), drawn.rows_below(80)) == (1, 1)
