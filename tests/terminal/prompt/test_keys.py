import pytest

from tests.support.terminal.driven_prompt import MARK, Start

ALT_ENTER, CTRL_J, CTRL_C, CTRL_D, ESCAPE = "\x1b\r", "\n", "\x03", "\x04", "\x1b"
UP, DOWN, TAB = "\x1b[A", "\x1b[B", "\t"


def test_enter_sends_the_line(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("hello world\r")
    terminal.wait_for("<submit 'hello world'>")
    assert terminal.submitted() == ["hello world"]


@pytest.mark.parametrize("newline", [ALT_ENTER, CTRL_J, "\\\r"])
def test_several_keys_make_a_new_line(start: Start, newline: str) -> None:
    terminal = start().wait_prompt()
    terminal.send(f"one{newline}two\r")
    terminal.wait_call("submit", "one\ntwo")


def test_an_even_number_of_backslashes_is_text(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("C:\\\\\r")
    terminal.wait_call("submit", "C:\\\\")


def test_a_blank_line_is_not_sent(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("   \r\rx\r")
    terminal.wait_call("submit", "x")
    assert terminal.submitted() == ["x"]


def test_control_c_stops_an_answer_and_keeps_the_draft(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("busy\r")
    terminal.wait_for("waiting")
    terminal.send("draft" + CTRL_C)
    terminal.wait_for("<stop>")
    terminal.send("\r")
    terminal.wait_call("submit", "draft")


def test_control_c_puts_the_line_into_the_history(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("unfinished" + CTRL_C)
    terminal.wait_for(lambda t: "unfinished" not in t.text())
    terminal.send(UP + "!\r")
    terminal.wait_call("submit", "unfinished!")


def test_control_c_twice_on_an_empty_line_leaves(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send(CTRL_C)
    terminal.wait_for("Ctrl+C again to leave")
    assert terminal.calls("leave") == []
    terminal.send(CTRL_C)
    assert terminal.wait_exit() == 0
    assert terminal.dirt() == []


def test_control_d_leaves_on_an_empty_line_only(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("x" + CTRL_D)
    terminal.settle()
    assert terminal.calls("leave") == []
    terminal.send("\x7f" + CTRL_D)
    assert terminal.wait_exit() == 0


def test_escape_stops_an_answer(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("busy\r")
    terminal.wait_for("waiting")
    terminal.send(ESCAPE)
    terminal.wait_for("<stop>")


def test_escape_twice_on_an_empty_line_edits_the_last_message(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send(ESCAPE)
    terminal.settle()
    assert terminal.calls("edit_last") == []
    terminal.send(ESCAPE)
    terminal.wait_for(MARK + " the last message")


def test_escape_twice_at_once_edits_the_last_message(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send(ESCAPE + ESCAPE)
    terminal.wait_for(MARK + " the last message")


def test_alt_enter_during_an_answer_does_not_stop_it(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("busy\r")
    terminal.wait_for("waiting")
    terminal.send(f"one{ALT_ENTER}two\r")
    terminal.wait_call("submit", "one\ntwo")
    assert terminal.calls("stop") == []


def test_escape_belongs_to_vi_keys(start: Start) -> None:
    terminal = start(settings={"vi": True}).wait_prompt()
    terminal.send("busy\r")
    terminal.wait_for("waiting")
    terminal.send("abc" + ESCAPE)
    terminal.settle()
    terminal.send("0ix\r")
    terminal.wait_call("submit", "xabc")
    assert terminal.calls("stop") == []


def test_tab_completes_what_is_common_then_walks_the_menu(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("/h")
    terminal.wait_for("about /history")
    terminal.send(TAB)
    terminal.wait_for(MARK + " /help")
    terminal.send(TAB)
    terminal.wait_for(MARK + " /history")
    terminal.send("\r")
    terminal.wait_for(lambda t: "about" not in t.text())
    assert terminal.submitted() == []
    terminal.send("\r")
    terminal.wait_call("submit", "/history")


def test_enter_sends_what_is_typed_while_the_menu_is_open(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("/mod")
    terminal.wait_for("about /models")
    terminal.send("\r")
    terminal.wait_call("submit", "/mod")


def test_tab_inserts_the_only_completion(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("/hi" + TAB)
    terminal.wait_for(MARK + " /history")
    terminal.send("\r")
    terminal.wait_call("submit", "/history")


def test_up_and_down_walk_the_history_at_the_edge_lines(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("first\rsecond" + CTRL_J + "line\r")
    terminal.wait_call("submit", "second\nline")
    terminal.send(UP)
    terminal.wait_for(MARK + " second")
    terminal.send(UP + UP)
    terminal.wait_for(MARK + " first")
    terminal.send(DOWN * 4 + "x\r")
    terminal.wait_call("submit", "x")


def test_control_r_searches_the_history(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("alpha one\rbeta two\rgamma three\r")
    terminal.wait_call("submit", "gamma three")
    terminal.send("\x12")
    terminal.wait_for("search history:")
    terminal.send("alp")
    terminal.wait_for(MARK + " alpha one")
    terminal.send("\r")
    terminal.wait_for(lambda t: "search history" not in t.text())
    terminal.send("\r")
    terminal.wait_for(lambda t: t.submitted().count("alpha one") == 2)  # type: ignore[attr-defined]


def test_control_l_draws_the_region_anew(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("hello\r")
    terminal.wait_for("<submit 'hello'>")
    terminal.send("draft\x0c")
    terminal.wait_until_quiet()
    assert terminal.text().splitlines()[:2] == ["<submit 'hello'>", MARK + " draft"]


def test_nul_is_no_key(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send(b"a\x00b\r")
    terminal.wait_call("submit", "ab")


def test_invalid_bytes_are_replaced_when_the_line_is_sent(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send(b"a\xff\xfeb\r")
    terminal.wait_call("submit", "a\ufffd\ufffdb")


def test_replies_of_the_terminal_are_not_typed(start: Start) -> None:
    terminal = start().wait_prompt()
    reply = "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\"
    terminal.send("a\x1b[I" + reply + "\x1b[?64;1;2c\x1b[12;40Rb")
    for character in reply:
        terminal.send(character)
        terminal.settle(0.001)
    terminal.send("c\r")
    terminal.wait_call("submit", "abc")
    terminal.send("background\r")
    terminal.wait_call("background", "dark")


def test_an_answer_of_the_terminal_may_come_in_pieces(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("background\r")
    terminal.wait_for(lambda _: b"\x1b]11;?\x1b\\\x1b[c" in terminal.raw)
    terminal.send("a")
    for character in "\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62c":
        terminal.send(character)
        terminal.settle(0.08 if character in "\x1b]\\[?" else 0.001)
    terminal.send("b\r")
    terminal.wait_call("submit", "ab")


def test_escape_is_a_key_though_an_answer_is_awaited(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("background\r")
    terminal.wait_for(lambda _: b"\x1b[c" in terminal.raw)
    terminal.send("busy\r")
    terminal.wait_for("waiting")
    terminal.send("\x1b")
    terminal.wait_call("stop", "")


@pytest.mark.parametrize("ending", ["\x04", "child true\r"])
def test_an_answer_of_the_terminal_is_awaited_before_another_has_it(
    start: Start, ending: str
) -> None:
    terminal = start().wait_prompt()
    terminal.send("background\r")
    terminal.wait_for(lambda _: b"\x1b]11;?\x1b\\\x1b[c" in terminal.raw)
    terminal.send(ending)
    terminal.send("\x1b]11;rgb:ffff/ffff/ffff\x07\x1b[?62;22c")
    if ending == "\x04":
        assert terminal.wait_exit() == 0
    else:
        terminal.wait_call("child", 0)
        terminal.send("background\r")
        terminal.wait_call("background", "light")
    assert "fff" not in terminal.everything()
    assert "22c" not in terminal.everything()


def test_a_question_waits_while_the_draft_is_kept(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("confirm\r")
    terminal.wait_for("Really? [y/N]")
    terminal.send("xy")
    terminal.wait_call("confirmed", True)
    terminal.wait_for(lambda t: "Really?" not in t.text())
    terminal.send("confirm\r")
    terminal.wait_for("Really?")
    terminal.send(CTRL_C)
    terminal.wait_call("confirmed", False)


def test_a_secret_is_asked_for_without_echo(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("secret\r")
    terminal.wait_for("Key:")
    terminal.send("sk-hidden\r")
    terminal.wait_call("secret", "sk-hidden")
    assert b"hidden" not in terminal.raw


def test_a_returned_draft_never_replaces_what_is_typed(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("draft returned\r")
    terminal.wait_for(MARK + " returned")
    terminal.send(CTRL_C + "draft again\rmine")
    terminal.wait_call("draft", True)
