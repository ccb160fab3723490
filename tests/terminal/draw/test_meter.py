from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.events import Meter
from chatrepl.terminal.draw.layout.cell_width import cell_width
from chatrepl.terminal.draw.layout.style import ColorDepth, DrawStyle
from chatrepl.terminal.draw.meter import draw_meter

PLAIN = DrawStyle()
SHARES = [("system", 100), ("pinned", 0), ("history", 700), ("reserve", 100), ("free", 100)]


def test_shares_are_drawn_in_proportion_with_a_legend() -> None:
    lines = draw_meter(Meter(SHARES, 1000, ["a line"]), PLAIN, 42)
    assert lines[0] == "▕SSSSHHHHHHHHHHHHHHHHHHHHHHHHHHHHRRRR....▏"
    assert " ".join(lines[1:3]).split() == (
        ["S", "system", "100", "H", "history", "700", "R", "reserve", "100", ".", "free", "100"]
    )
    assert lines[-1] == "a line"


def test_a_terminal_without_utf_8_gets_ascii() -> None:
    lines = draw_meter(Meter(SHARES, 1000), DrawStyle(unicode=False), 42)
    assert lines[0] == "[SSSSHHHHHHHHHHHHHHHHHHHHHHHHHHHHRRRR....]"
    assert all(line.isascii() for line in lines)


def test_with_colours_the_shares_differ_in_colour() -> None:
    lines = draw_meter(Meter(SHARES, 1000), DrawStyle(colors=ColorDepth.COLORS_16), 42)
    assert "█" in lines[0]
    assert "S" not in lines[0]


def test_the_smallest_share_has_a_cell() -> None:
    lines = draw_meter(Meter([("system", 1), ("free", 1_000_000)], 1_000_001), PLAIN, 80)
    assert lines[0].count("S") == 1


@given(
    st.lists(st.tuples(st.text(max_size=9), st.integers(-5, 10**9)), max_size=9),
    st.integers(12, 200),
)
def test_no_line_is_wider_than_the_terminal(shares: list[tuple[str, int]], width: int) -> None:
    lines = draw_meter(Meter(shares, 1, ["words " * 30]), PLAIN, width)
    assert all(cell_width(line) <= width for line in lines)


def test_legend_entries_and_list_items_are_not_broken() -> None:
    lines = draw_meter(Meter(SHARES, 1000, ["budget 100 · window 8,192 · reserve 5"]), PLAIN, 24)
    assert lines[1:] == [
        "S system 100",
        "H history 700",
        "R reserve 100",
        ". free 100",
        "budget 100 ·",
        "window 8,192 · reserve 5",
    ]
