import sys
import time

import pytest

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


def test_text_after_an_enter_in_a_paste_is_inserted(start: Start) -> None:
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
