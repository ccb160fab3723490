"""Unsure words in colours that differ, or with figures where there are none."""

from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.events import WordsShaded
from chatrepl.terminal.draw.layout.style import ColorDepth, DrawStyle, Theme
from chatrepl.terminal.draw.word_confidence import draw_shaded

WORDS = WordsShaded((("It", 0.99), (" is", 0.7), (" Paris", 0.3), (".", 0.05)))


def test_without_colours_unsure_words_carry_their_figure() -> None:
    lines = draw_shaded(WORDS, DrawStyle(), 60)
    assert lines[0] == "It is[70%] Paris[30%].[5%]"
    assert "90% or more" in lines[-1]


def test_with_colours_each_step_looks_different_and_sure_words_are_plain() -> None:
    themes: tuple[Theme, ...] = ("auto", "dark", "light")
    for theme in themes:
        style = DrawStyle(colors=ColorDepth.TRUECOLOR, theme=theme)
        line = draw_shaded(WORDS, style, 60)[0]
        assert line.startswith("It ")
        starts = [part.partition("m")[0] for part in line.split("\x1b[") if part[:2] != "0m"][1:]
        assert len(set(starts)) == 3
        assert "%" not in line


@given(st.lists(st.tuples(st.text(), st.floats(0, 1))), st.integers(1, 100))
def test_whatever_the_tokens_hold_nothing_of_it_commands_the_terminal(
    pieces: list[tuple[str, float]], width: int
) -> None:
    for line in draw_shaded(WordsShaded(pieces), DrawStyle(), width):
        assert not set(line) & {"\x1b", "\x9b", "\x07", "\n", "\r"}
