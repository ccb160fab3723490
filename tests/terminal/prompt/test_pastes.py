import sys
import time
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
from tests.support.terminal.driven_prompt import DRIVER, MARK, Driven, Start

LINES = "\n".join(f"line {n}\t東京 ok" for n in range(200))


def submitted_by_paste(terminal: Driven, text: str | bytes) -> object:
    terminal.wait_prompt()
    terminal.paste(text)
    terminal.settle(0.2)
    assert terminal.submitted() == []
    terminal.send("\r")
    terminal.wait_for(lambda _: terminal.submitted())
    return terminal.submitted()[0]


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        (LINES, LINES),
        (LINES.replace("\n", "\r\n"), LINES),
        (LINES.replace("\n", "\r"), LINES),
        ("/help me\nplease", " /help me\nplease"),
        (
            "one \x1b[31mred\x1b[0m \x1b[A \x03 \x04 end",
            "one \x1b[31mred\x1b[0m \x1b[A \x03 \x04 end",
        ),
        ("a\x00b", "a\x00b"),
    ],
    ids=["lines", "crlf", "cr", "slash", "escapes", "nul"],
)
def test_a_paste_is_one_message_whatever_it_contains(start: Start, text: str, sent: str) -> None:
    assert submitted_by_paste(start(), text) == sent


def test_invalid_bytes_in_a_paste_are_replaced(start: Start) -> None:
    assert submitted_by_paste(start(), b"caf\xe9 \xff!") == "caf\ufffd \ufffd!"


def test_a_large_paste_is_shown_in_short_and_sent_whole(start: Start) -> None:
    terminal = start().wait_prompt()
    text = "0123456789abcde\n" * 65536
    terminal.paste(text)
    terminal.wait_for(MARK + " [pasted 1.0 MB, 65537 lines]")
    terminal.send(" and more\r")
    terminal.wait_for(lambda _: terminal.submitted())
    assert terminal.submitted() == [text + " and more"]


def test_what_follows_an_enter_in_a_paste_is_not_obeyed(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("\x1b[200~harmless\x1b[201~\r!confirm\rmore\r\x04")
    terminal.settle(0.3)
    assert terminal.submitted() == ["harmless"]
    terminal.wait_for(MARK + "  !confirm")
    terminal.send("\r")
    terminal.wait_call("submit", " !confirm\nmore\n")


def test_an_enter_after_a_pause_is_believed_after_a_paste(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.paste("one")
    time.sleep(0.1)
    terminal.send("\rtwo\r")
    terminal.wait_call("submit", "two")
    assert terminal.submitted() == ["one", "two"]


def early(start: Start, typed: bytes) -> Driven:
    """Type before the program exists: the system's line mode has it first."""
    return start(typed_before=typed)


def slow_start(start: Start, typed: bytes) -> Driven:
    """Type while the program loads, after the terminal is held."""
    code = (
        "import sys, time, runpy; sys.argv = sys.argv[1:]\n"
        "from chatrepl.terminal.tty import raw_mode\n"
        "hold = raw_mode.hold_terminal\n"
        "def slow(*a):\n"
        "    held = hold(*a); time.sleep(0.6); return held\n"
        "raw_mode.hold_terminal = slow\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    terminal = start(argv=[sys.executable, "-c", code, str(DRIVER)])
    terminal.wait_for(lambda t: b"\x1b[?2004h" in t.raw)
    terminal.send(typed)
    return terminal


@pytest.mark.parametrize("how", [early, slow_start])
def test_a_line_typed_early_is_sent(start: Start, how: object) -> None:
    terminal = how(start, b"hello\r")  # type: ignore[operator]
    terminal.wait_for(lambda _: terminal.submitted() == ["hello"])


@pytest.mark.parametrize("how", [early, slow_start])
def test_keys_typed_early_are_in_the_line(start: Start, how: object) -> None:
    terminal = how(start, b"hello")  # type: ignore[operator]
    terminal.wait_for(MARK + " hello")
    assert terminal.text().count("hello") == 1
    terminal.send("!\r")
    terminal.wait_call("submit", "hello!")


@pytest.mark.parametrize("how", [early, slow_start])
def test_several_lines_that_came_early_are_one_draft(start: Start, how: object) -> None:
    terminal = how(start, b"one\r/two\r!three\r")  # type: ignore[operator]
    terminal.wait_for(MARK + " one")
    terminal.settle(0.3)
    assert terminal.submitted() == []
    terminal.send("\r")
    terminal.wait_call("submit", "one\n/two\n!three")


def test_a_long_early_paste_arrives_whole(start: Start) -> None:
    text = LINES.replace("\n", "\r\n").encode()
    terminal = slow_start(start, b"\x1b[200~" + text + b"\x1b[201~")
    terminal.wait_for("line 199")
    terminal.send("\r")
    terminal.wait_call("submit", LINES)
    assert "\x1b[200~" not in terminal.everything()


def test_a_paste_with_carriage_returns_is_whole_before_the_terminal_is_held(start: Start) -> None:
    text = LINES.replace("line 9", "\nline 9")
    terminal = early(start, text.replace("\n", "\r\n").encode())
    # The system's own echo comes first, and the prompt much later.
    terminal.wait_for("toolbar").wait_for("line 199").wait_until_quiet()
    terminal.send("\r")
    terminal.wait_call("submit", text)


def test_escape_sequences_typed_early_are_keys(start: Start) -> None:
    terminal = slow_start(start, b"bc\x1b[D\x1b[Da")
    terminal.wait_for(MARK + " abc")


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
def test_what_came_before_the_prompt_is_a_line_or_a_paste(text: str, inputs: list[str]) -> None:
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
