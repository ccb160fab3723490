"""Splitting of input into text, keys, pastes and replies."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.terminal.tty.input_parser import (
    InputSplitter,
    Key,
    Paste,
    Piece,
    Reply,
    Typed,
    type_ahead,
    with_single_line_ends,
)

KEYS = {"\x1b[A", "\x1b[3~", "\x1b[1;5C", "\x1b[200~", "\x1b[[A"}
INPUTS = [
    *("abc", "\r", "\x1b[A", "\x1b[3~", "\x1b[1;5C", "\x1b[[A", "\x1b[I", "\x1b[O", "\u6771"),
    *("\x1b]11;rgb:0/0/0\x07", "\x1b]10;rgb:1/1/1\x1b\\", "\x1b[?62;4c", "\x1b[3;9R", "\x1bb"),
    *("\x1bP>|term(1)\x1b\\", "\x1b[200~pa\rste \x1b[I\x1b[201~", "\x1b[200~\x1b[201~"),
]
SAMPLES = st.lists(st.sampled_from(INPUTS), max_size=12).map("".join)


def merged(pieces: list[Piece]) -> list[object]:
    found: list[object] = []
    for piece in pieces:
        last = found[-1] if found else None
        if isinstance(piece, Typed) and isinstance(last, str):
            found[-1] = last + piece.text
        elif isinstance(piece, Paste) and isinstance(last, Paste):
            found[-1] = Paste(last.text + piece.text)
        else:
            found.append(piece.text if isinstance(piece, Typed) else piece)
    return found


@given(SAMPLES, st.lists(st.integers(0, 200), max_size=8))
def test_any_cut_into_reads_gives_the_same_pieces(text: str, cuts: list[int]) -> None:
    splitter = InputSplitter(KEYS.__contains__)
    whole = splitter.feed(text, 0.0)
    places = sorted({cut for cut in cuts if cut < len(text)} | {0, len(text)})
    cut_splitter = InputSplitter(KEYS.__contains__)
    pieces: list[Piece] = []
    for begin, end in pairwise(places):
        pieces += cut_splitter.feed(text[begin:end], 0.0)
    assert merged(pieces) == merged(whole)


def test_replies_are_told_from_keys_and_pastes() -> None:
    text = "a\x1b[I\x1b[A\x1b]11;rgb:0/0/0\x07b\x1b[200~x\x1b[Iy\x1b[201~\x1b[5;1R"
    splitter = InputSplitter(KEYS.__contains__)
    assert splitter.feed(text, 0.0) == [
        Typed("a"),
        Reply("\x1b[I"),
        Key("\x1b[A"),
        Reply("\x1b]11;rgb:0/0/0\x07"),
        Typed("b"),
        Paste("x\x1b[Iy"),
        Reply("\x1b[5;1R"),
    ]


def test_a_lone_escape_is_a_key_after_a_pause() -> None:
    splitter = InputSplitter(KEYS.__contains__)
    assert splitter.feed("\x1b", 0.0) == []
    assert splitter.flush() == [Typed("\x1b")]


def test_a_reply_that_was_cut_does_not_swallow_later_keys() -> None:
    splitter = InputSplitter(KEYS.__contains__)
    assert splitter.feed("\x1b]11;rgb:00", 0.0) == []
    assert splitter.flush() == []
    assert splitter.feed("abc", 2.0) == [Typed("abc")]


@given(st.integers(1, 23), st.sampled_from(["\x07", "\x1b\\"]), st.text("abc12f", max_size=5))
def test_a_reply_with_a_long_pause_in_it_is_not_typed(cut: int, end: str, typed: str) -> None:
    reply = f"\x1b]11;rgb:1e1e/1e1e/2e2e{end}"
    splitter = InputSplitter(KEYS.__contains__)
    pieces = [*splitter.feed(reply[:cut], 0.0), *splitter.flush()]
    pieces += [*splitter.feed(reply[cut:] + typed, 3.0), *splitter.flush()]
    shown = "".join(piece.text for piece in pieces if isinstance(piece, Typed))
    # Where the pause makes a key of it, Escape is one; Alt+] is another.
    assert shown.lstrip("\x1b").removeprefix("]") == typed


def test_control_c_gets_out_of_a_paste_that_never_ends() -> None:
    splitter = InputSplitter(KEYS.__contains__)
    assert splitter.feed("\x1b[200~lost", 0.0) == []
    assert splitter.feed("\x03", 5.0) == [Paste("lost"), Typed("\x03")]


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("abc", ["abc"]),
        ("abc\r", ["abc\r"]),
        ("abc\n", ["abc\r"]),
        ("a\rb", ["\x1b[200~a\rb\x1b[201~"]),
        ("a\nb\n", ["\x1b[200~a\nb\x1b[201~"]),
        ("\x1b[200~a\rb\x1b[201~", ["\x1b[200~a\rb\x1b[201~"]),
        ("\x1b[200~a\rb\x1b[201~\r", ["\x1b[200~a\rb\x1b[201~\r"]),
        ("\x1b[200~a\rb\x1b[201~\rc\r", ["\x1b[200~a\rb\rc\x1b[201~"]),
    ],
)
def test_type_ahead_is_a_line_or_a_paste(text: str, inputs: list[str]) -> None:
    assert type_ahead(text) == inputs


@pytest.mark.parametrize(
    ("early", "late", "meant"),
    [
        ("a\n\nb\n\nc\n\n", "", "a\nb\nc\n"),
        ("a\n\n\n\nb\n\nc\n\nd", "e\r\n\r\nf", "a\n\nb\nc\nde\r\n\r\nf"),
        ("a\n\nb\n\nc\n", "\nd\r\n", "a\nb\nc\nd\r\n"),
        ("a\n\nb\n\nc", "", "a\n\nb\n\nc"),
        ("a\n\nb\n\nc\n\nd\ne", "", "a\n\nb\n\nc\n\nd\ne"),
        ("", "\na\n\nb\n\nc\n\n", "\na\n\nb\n\nc\n\n"),
    ],
)
def test_line_ends_that_line_mode_doubled_are_single(early: str, late: str, meant: str) -> None:
    assert with_single_line_ends(early + late, len(early)) == meant
