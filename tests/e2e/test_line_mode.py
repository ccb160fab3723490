"""Conversations on a terminal without escape sequences: plain lines."""

import json
import signal
import threading
from pathlib import Path

import pytest

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import Start


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_dumb_terminal_gets_a_conversation_in_plain_lines(
    start_alone: Start, server: SseServer, term: str
) -> None:
    server.answer("# A heading\n\n- **bold** \x1b[31mred\n")
    chat = start_alone("--base-url", server.base_url, env={"TERM": term})
    chat.expect("Ctrl+D leaves").say("hello")
    chat.expect("A heading", "bold", "red")
    chat.say("/context").expect("budget", "A heading - ")
    chat.send("\x04")
    assert chat.wait_exit() == 0
    assert b"\x1b" not in chat.raw
    assert chat.is_terminal_clean()


@pytest.mark.parametrize("columns", [40, 60, 120])
def test_lines_fit_the_window_of_a_dumb_terminal(start_alone: Start, columns: int) -> None:
    options = {"env": {"TERM": "dumb"}, "columns": columns}
    chat = start_alone("--base-url", "http://127.0.0.1:9/v1", **options)
    chat.expect("leaves").say("/help").send("\x04")
    assert chat.wait_exit() == 0
    widths = [len(line.rstrip()) for line in chat.raw.decode().split("\n")]
    assert max(widths) <= columns
    assert max(widths) > columns - 15


def test_interrupting_in_line_mode_keeps_what_came(start_alone: Start, server: SseServer) -> None:
    gate = threading.Event()
    server.answer("first line\n\nsecond line\n\nthird", gate=gate, gate_after_chars=22)
    chat = start_alone("--base-url", server.base_url, env={"TERM": "dumb"})
    chat.expect("Ctrl+D leaves").say("go on").expect("first line")
    chat.send("\x03")
    chat.expect("stopped")
    gate.set()
    chat.say("/history").expect_times("first line", 2)


def test_a_signal_in_line_mode_saves_and_ends_as_it_says(
    start_alone: Start, server: SseServer
) -> None:
    gate = threading.Event()
    server.answer("half an answer\n\nand the rest\n\nof it", gate=gate, gate_after_chars=24)
    chat = start_alone("--base-url", server.base_url, env={"TERM": "dumb"})
    chat.expect("Ctrl+D leaves").say("go on").expect("half an answer")
    chat.signal(signal.SIGTERM)
    assert chat.wait_exit() == -signal.SIGTERM
    gate.set()
    again = start_alone("--base-url", server.base_url, "-c", env={"TERM": "dumb"})
    again.expect("half an answer", "going on with")


def test_a_backslash_goes_on_in_the_next_line(start_alone: Start, server: SseServer) -> None:
    chat = start_alone("--base-url", server.base_url, env={"TERM": "dumb"})
    chat.expect("Ctrl+D leaves").say("one\\").say("two").expect("You said: one")
    assert server.requests[-1].messages[-1]["content"] == "one\ntwo"


@pytest.mark.parametrize("term", ["dumb", "xterm-256color"])
def test_a_question_cannot_command_the_terminal(
    start_alone: Start, server: SseServer, home: Path, term: str
) -> None:
    title = "\x1b]0;PWNED\x07\x1b[8mhidden\x1b[2J title"
    transcript = home / "hostile.json"
    tree = [{"id": "a", "parent": None, "role": "user", "content": "a question"}]
    transcript.write_text(json.dumps({"version": 1, "name": title, "tree": tree}))
    chat = start_alone("--base-url", server.base_url, env={"TERM": term})
    chat.expect("Ctrl+D leaves").say(f"/import {transcript}").expect("1 message")
    chat.say("/new").say("/sessions").expect("NUMBER")
    chat.say("/delete 1").expect("[8mhidden", "[y/N]")
    chat.say("n")
    for command in (b"\x1b]0;PWNED", b"\x1b[8m", b"\x1b[2J"):
        assert command not in chat.raw


def test_a_role_asks_for_its_variables_in_line_mode(
    start_alone: Start, server: SseServer, home: Path
) -> None:
    roles = home / "chatrepl" / "roles"
    roles.mkdir(parents=True)
    (roles / "translator.md").write_text("Translate to {{language}}.")
    chat = start_alone("--base-url", server.base_url, env={"TERM": "dumb"})
    chat.expect("Ctrl+D leaves").say("/role translator").expect("language")
    chat.say("French").say("hello").expect("You said: hello")
    assert server.requests[-1].messages[0]["content"] == "Translate to French."


def test_hints_in_line_mode_are_true_without_an_input_line(
    start_alone: Start, server: SseServer
) -> None:
    chat = start_alone("--base-url", server.base_url, env={"TERM": "dumb", "PATH": "/nowhere"})
    chat.expect("Ctrl+D leaves").say("hello").expect("You said: hello")
    chat.say("/copy").expect("✗ no clipboard here takes it — /write FILE")
    chat.say("/search hello").expect("/load NUMBER opens one there")
    chat.say("/undo").expect("✓ undid one turn", "taken back: hello")
    chat.say("/redo").expect_times("You said: hello", 2)
    chat.say("/edit").expect("what you send goes beside it").expect_times("taken back: hello", 2)
    chat.say("/editor").expect("✗ there is no editor on a terminal of this kind")
    chat.say("/load").expect("/load NUMBER or NAME goes on with one")
    chat.say("/key").expect("✗ a key cannot be typed unseen here — set OPENAI_API_KEY")
    chat.say("/help").expect("goes on in the next line", "Ctrl+C stops an answer")
    chat.say("done").expect("You said: done")
    for untrue in ("not sent", "gave the", "the arrows", "Enter opens", "Esc ", "Ctrl+J", "Ctrl+G"):
        assert untrue not in chat.everything(), untrue


def test_picking_a_session_at_the_start_lists_them_in_line_mode(
    start_alone: Start, server: SseServer
) -> None:
    chat = start_alone("--base-url", server.base_url, env={"TERM": "dumb"})
    chat.expect("Ctrl+D leaves").say("hello").expect("You said: hello").send("\x04")
    assert chat.wait_exit() == 0
    again = start_alone("--base-url", server.base_url, "--pick", env={"TERM": "dumb"})
    again.expect("/load NUMBER or NAME goes on with one").say("/load 1").expect("You said: hello")
    assert "not sent" not in again.everything()
