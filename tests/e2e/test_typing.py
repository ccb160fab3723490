"""Keys and pastes at the live prompt, most of them while an answer streams."""

import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.servers.sse_replies import Answer, RecordedRequest, Reply, text_of
from tests.support.servers.sse_server import SseServer, echo
from tests.support.terminal.program import MARK, Start

PARAGRAPH = "The quick brown fox jumps over the lazy dog, **boldly**, and `runs` on. " * 8 + "\n\n"


def questions(server: SseServer) -> list[str]:
    """Return the newest user message of each request."""
    return [
        text_of(request.messages[-1]["content"])
        for request in list(server.requests)
        if request.method == "POST"
    ]


def flood_or_echo(request: RecordedRequest) -> Reply:
    if not text_of(request.messages[-1]["content"]).startswith("flood"):
        return echo(request)
    return Answer(
        PARAGRAPH * 200,
        chunk_chars=200,
        delay_s=0.001,
        gate=threading.Event(),
        gate_after_chars=100_000,
    )


@pytest.mark.timeout(180)
def test_enters_and_interrupts_typed_during_a_flood_on_a_slow_line_arrive_as_what_they_are(
    start: Start, server: SseServer
) -> None:
    server.default = flood_or_echo
    chat = start(read_rate=100_000, rows=30).ready()
    chat.say("flood 0")
    expected = ["flood 0"]
    for group in range(10):
        chat.wait_until(lambda: questions(server)[-1:] == [f"flood {group}"], "the flood's request")  # noqa: B023
        before = len(chat.raw)
        chat.wait_for(lambda c: len(c.raw) > before + 10_000)  # noqa: B023
        lines = [f"line {group}-{number}" for number in range(9)] + [f"flood {group + 1}"]
        if group == 9:
            lines[-1] = "the last line"
        for line in lines:
            chat.say(line)
        chat.send("\x03")
        expected += lines
    chat.expect("You said: the last line", timeout_s=60)
    assert questions(server) == expected
    assert chat.everything().count("\nstopped\n") == 10
    assert "^C" not in chat.everything()
    chat.ready()
    chat.leave()


def test_pastes_are_one_message_each_whatever_they_contain(start: Start, server: SseServer) -> None:
    chat = start().ready()
    many = "\r\n".join(f"line {number}\tof 漢字テスト" for number in range(200))
    chat.paste(many)
    chat.send("\r")
    chat.expect("line 199")
    chat.wait_until(lambda: len(questions(server)) == 1, "the first paste")
    chat.ready()
    command = "/help is no command here\r\nnor is\r\n/exit"
    chat.paste(command)
    chat.send("\r")
    chat.wait_until(lambda: len(questions(server)) == 2, "the second paste")
    chat.ready()
    # Keys that follow a paste's Enter without a pause would count as the rest of the paste.
    chat.wait_until_quiet(0.1).send("look: ")
    chat.expect_draft("look:").wait_until_quiet(0.1)
    chat.paste("\tindented\r\n    more\r\n")
    chat.send("end\r")
    chat.wait_until(lambda: len(questions(server)) == 3, "the third paste")
    assert questions(server) == [
        "\n".join(f"line {number}\tof 漢字テスト" for number in range(200)),
        "/help is no command here\nnor is\n/exit",
        "look: \tindented\n    more\nend",
    ]
    chat.ready().wait_until_quiet(0.1)
    chat.leave()


def test_a_paste_that_arrives_before_the_prompt_is_drawn_is_one_message(
    start: Start, server: SseServer
) -> None:
    lines = [f"早い line {number}\tx" for number in range(200)]
    text = "\n".join(["/exit", *lines])
    unbracketed, bracketed = start(), start()
    # Before the program can ask for brackets there are none, and line ends are Enters.
    unbracketed.send(text.replace("\n", "\r"))
    bracketed.wait_for(lambda chat: b"\x1b[?2004h" in chat.raw)
    bracketed.paste(text.replace("\n", "\r\n"))
    for count, chat in enumerate((unbracketed, bracketed), 1):
        chat.expect("new session", "line 199").wait_until_quiet(0.2)
        assert len(questions(server)) == count - 1
        chat.send("\r")
        chat.wait_until(lambda: len(questions(server)) == count, "the message")  # noqa: B023
        chat.ready().leave()
    assert questions(server) == [text, text]


def test_lines_typed_while_an_answer_streams_wait_and_go_out_in_order(
    start: Start, server: SseServer
) -> None:
    gate = threading.Event()
    server.answer("The beginning, and the end.", gate=gate, gate_after_chars=14)
    chat = start().ready()
    chat.say("first").expect("The beginning")
    chat.say("second")
    chat.say("/seed 5")
    chat.say("third")
    chat.send("a draft that stays")
    chat.expect("❯ second", "❯ /seed 5", "❯ third")  # noqa: RUF001
    assert questions(server) == ["first"]
    chat.expect_draft("a draft that stays")
    gate.set()
    chat.expect("You said: second", "You said: third")
    chat.expect_draft("a draft that stays")
    assert questions(server) == ["first", "second", "third"]
    bodies = [request.body for request in server.requests if request.method == "POST"]
    assert ["seed" in body for body in bodies] == [False, False, True]
    shown = chat.everything()
    assert shown.count(f"{MARK} second") == shown.count(f"{MARK} third") == 1
    # Not Ctrl+C: the words may be there a moment before the answer's end, which it would stop.
    chat.send("\x15")
    chat.ready().leave()


def test_up_takes_the_newest_waiting_line_back_to_be_changed_and_sends_it_once(
    start: Start, server: SseServer
) -> None:
    gate = threading.Event()
    server.answer("The beginning, and the end.", gate=gate, gate_after_chars=14)
    chat = start().ready()
    chat.say("first").expect("The beginning")
    chat.say("second").say("third").expect("❯ second", "❯ third")  # noqa: RUF001
    time.sleep(0.5)
    chat.send("\x1b[A")
    chat.expect_draft("third")
    chat.wait_for(lambda c: c.text().count("third") == 1)
    chat.say(", changed").expect("❯ third, changed")  # noqa: RUF001
    time.sleep(0.5)
    chat.send("\x1b[A")
    chat.expect_draft("third, changed")
    chat.send("\x03")
    chat.expect("stopped", "You said: second").expect_draft("third, changed")
    assert questions(server) == ["first", "second"]
    chat.send("\r")
    chat.expect("You said: third, changed").ready().leave()
    assert questions(server) == ["first", "second", "third, changed"]


def test_up_typed_together_with_enter_takes_nothing_back(start: Start, server: SseServer) -> None:
    chat = start().ready()
    for number in range(3):
        chat.send(f"message {number}\r\x1b[A")
        chat.expect(f"You said: message {number}").expect_draft(f"message {number}")
        chat.send("\x15")
        chat.ready()
    assert questions(server) == ["message 0", "message 1", "message 2"]


@pytest.mark.parametrize("key", ["\x1b", "\x03"])
def test_stopping_an_answer_keeps_what_came_and_the_line_that_is_typed(
    start: Start, server: SseServer, key: str
) -> None:
    server.answer(
        "Words that came. Words that never came.", gate=threading.Event(), gate_after_chars=16
    )
    chat = start().ready()
    chat.say("tell me").expect("Words that came.")
    chat.send("typed meanwhile")
    chat.expect_draft("typed meanwhile")
    chat.send(key)
    chat.expect("stopped")
    assert server.requests[-1].hung_up.wait(5)
    assert chat.draft() == "typed meanwhile"
    chat.send("\r")
    chat.expect("You said: typed meanwhile")
    assert [message["content"] for message in server.requests[-1].messages] == [
        "tell me",
        "Words that came.",
        "typed meanwhile",
    ]
    chat.ready().leave()


def test_new_lines_are_made_by_alt_enter_control_j_and_a_trailing_backslash(
    start: Start, server: SseServer
) -> None:
    chat = start().ready()
    chat.send("one\x1b\rtwo\x0athree\\\rfour\r")
    chat.expect("You said: one")
    assert questions(server) == ["one\ntwo\nthree\nfour"]
    chat.ready().leave()


def test_up_brings_lines_from_the_history_of_earlier_runs(start: Start, server: SseServer) -> None:
    chat = start().ready()
    chat.say("an old question").expect("You said: an old question")
    assert server.requests[-1].answered.wait(5)
    chat.wait_until_quiet(0.3)
    chat.send("a draft, never sent")
    chat.expect_draft("a draft, never sent")
    chat.send("\x03")
    chat.ready().leave()
    again = start().ready()
    again.expect("/help lists").wait_until_quiet(0.3).send("\x1b[A\x1b[A")
    again.expect_draft("a draft, never sent")
    again.send("\x1b[A")
    again.expect_draft("an old question")
    again.send("\r")
    again.expect_times("You said: an old question", 1).wait_until_quiet(0.2)
    again.send("\x12old")
    again.send("\r")
    again.expect_draft("an old question")
    again.send("\r")
    chat.wait_until(lambda: len(questions(server)) == 3, "the found question")
    assert questions(server) == ["an old question"] * 3
    again.ready().leave()


def test_tab_completes_names_of_commands_and_their_values(start: Start, server: SseServer) -> None:
    chat = start().ready()
    chat.say("hello").expect("You said: hello")
    chat.send("/temper\t")
    chat.expect_draft("/temperature")
    chat.send(" 0.5\r")
    chat.expect("✓ temperature: 0.5")
    chat.send("/mod\t")
    chat.expect("list what the server offers")
    chat.send("\x03")
    chat.ready()
    chat.send("/model oth\t")
    chat.expect_draft("/model other-model")
    chat.send("\r")
    chat.expect("✓ model: other-model")
    chat.send("/theme da\t")
    chat.expect_draft("/theme dark")
    chat.send("\r")
    chat.expect("✓ theme: dark")
    chat.say("bye").expect("You said: bye")
    assert server.requests[-1].body["model"] == "other-model"
    assert server.requests[-1].body["temperature"] == 0.5
    chat.ready().leave()


EDITOR = """
import os, signal, sys, time
from pathlib import Path
caught = []
signal.signal(signal.SIGINT, lambda *_: caught.append(1))
print("EDITOR IS UP", flush=True)
while len(caught) < 2:
    time.sleep(0.01)
    if caught and caught[-1]:
        print("EDITOR WAS INTERRUPTED", flush=True)
        caught[-1] = 0
path = Path(sys.argv[1])
path.write_text(path.read_text() + "edited\\nin two lines\\n")
"""


def test_the_editor_has_the_terminal_and_its_signals_while_the_answer_goes_on(
    start: Start, server: SseServer, home: Path
) -> None:
    script = home / "editor.py"
    script.write_text(EDITOR)
    gate = threading.Event()
    server.answer("Before the editor. After it.", gate=gate, gate_after_chars=18)
    chat = start(env={"EDITOR": f"{sys.executable} {script}"}).ready()
    chat.say("go on").expect("Before the editor.")
    chat.say("/editor").expect("EDITOR IS UP")
    chat.send("\x03")
    chat.expect("EDITOR WAS INTERRUPTED")
    gate.set()
    assert server.requests[-1].answered.wait(5)
    chat.wait_until_quiet(0.3)
    assert "After it." not in chat.everything()
    chat.send("\x03")
    chat.expect("After it.", "in two lines")
    assert "stopped" not in chat.everything()
    chat.send("\r")
    chat.wait_until(lambda: len(questions(server)) == 2, "the edited message")
    assert questions(server)[-1] == "edited\nin two lines"
    assert server.requests[-1].messages[1]["content"] == "Before the editor. After it."
    chat.ready().leave()


@pytest.mark.parametrize("how", ["option", "configuration"])
def test_vi_keys_hold_from_the_first_line_on(
    start_alone: Start, server: SseServer, home: Path, how: str
) -> None:
    arguments = ["--vi"] if how == "option" else []
    if how == "configuration":
        (home / "chatrepl").mkdir(parents=True, exist_ok=True)
        (home / "chatrepl" / "config.toml").write_text("vi = true\n")
    chat = start_alone("--base-url", server.base_url, *arguments).expect("Ctrl+D leaves")
    chat.send("bc")
    chat.expect_draft("bc")
    chat.send("\x1b")
    time.sleep(0.3)
    chat.send("0iA")
    chat.expect_draft("Abc")
