"""Invariants of streams: they hold for every text, however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.terminal.draw.layout.cell_width import cell_width
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.markdown.stream import MarkdownStream
from chatrepl.terminal.draw.plain_text import PlainStream, ReasoningStream
from tests.support.drawing import COLOR, STYLES, assert_harmless, visible
from tests.support.markdown_documents import cut_documents, documents, examples, widths

Stream = MarkdownStream | PlainStream | ReasoningStream
STREAMS = (MarkdownStream, PlainStream, ReasoningStream)
styles = st.sampled_from(STYLES)


def whole(kind: type[Stream], text: str, width: int, style: DrawStyle) -> list[str]:
    stream = kind(width=width, style=style)
    return [*stream.feed(text), *stream.finish()]


@pytest.mark.parametrize("kind", STREAMS)
@examples(300)
@given(cut=cut_documents(), width=widths, style=styles)
def test_any_cut_draws_the_same_lines_as_the_whole_text(
    kind: type[Stream], cut: tuple[str, list[str]], width: int, style: DrawStyle
) -> None:
    text, pieces = cut
    stream = kind(width=width, style=style)
    streamed: list[str] = []
    for piece in pieces:
        streamed += stream.feed(piece)
        stream.tail(4)
    assert [*streamed, *stream.finish()] == whole(kind, text, width, style)


@pytest.mark.parametrize("kind", STREAMS)
@examples(300)
@given(text=documents, width=widths, style=styles)
def test_only_our_own_sequences_reach_the_terminal(
    kind: type[Stream], text: str, width: int, style: DrawStyle
) -> None:
    assert_harmless(whole(kind, text, width, style))
    stream = kind(width=width, style=style)
    stream.feed(text)
    assert_harmless(stream.tail(200))


@pytest.mark.parametrize("kind", STREAMS)
@examples(200)
@given(text=documents, width=st.integers(12, 120), rows=st.integers(0, 30))
def test_the_tail_fits_its_rows_and_has_no_links(
    kind: type[Stream], text: str, width: int, rows: int
) -> None:
    stream = kind(width=width, style=COLOR)
    stream.feed(text)
    tail = stream.tail(rows)
    assert len(tail) <= rows
    assert all("\x1b]" not in row and cell_width(visible(row)) <= width for row in tail)


@pytest.mark.parametrize("kind", STREAMS)
@examples(200)
@given(cut=cut_documents(), data=st.data())
def test_resizing_loses_and_repeats_nothing(
    kind: type[Stream], cut: tuple[str, list[str]], data: st.DataObject
) -> None:
    # Not tables: the width decides how often a head is drawn.
    text, *pieces = [piece.replace("|", "/") for piece in (cut[0], *cut[1])]
    stream = kind(width=80, style=COLOR)
    lines: list[str] = []
    for piece in pieces:
        lines += stream.feed(piece)
        stream.resize(data.draw(st.integers(20, 120)))
    lines += stream.finish()
    expected = whole(kind, text, 80, COLOR)
    assert letters(lines) == letters(expected)


def letters(lines: list[str]) -> str:
    return "".join(c for line in lines for c in visible(line) if c.isalnum() and c not in "─│┼")


@examples(200)
@given(first=documents, second=documents, width=widths)
def test_a_stream_that_was_finished_starts_anew(first: str, second: str, width: int) -> None:
    stream = MarkdownStream(width=width, style=COLOR)
    stream.feed(first)
    stream.finish()
    again = [*stream.feed(second), *stream.finish()]
    assert again == whole(MarkdownStream, second, width, COLOR)
