"""Many messages in one run: lines of stdin, and scripts."""

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.support.servers.sse_replies import Raw, Reply
from tests.support.servers.sse_server import Answer, RecordedRequest, SseServer
from tests.support.terminal.program import PROGRAM, Run, environment_of


def spawn(home: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.defpath, "LANG": "C.UTF-8", **environment_of(home)},
    )


def rows(text: str) -> dict[int, dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    assert len({row["line"] for row in found}) == len(found)
    return {row["line"]: row for row in found}


def wait_for_words(home: Path, words: bytes, timeout_s: float = 20.0) -> None:
    """Wait until words are on disk: what came of an answer is there while more is awaited."""
    deadline_s = time.monotonic() + timeout_s
    while not any(words in file.read_bytes() for file in (home / "chatrepl").glob("sessions.db*")):
        assert time.monotonic() < deadline_s, "the words did not reach the disk"
        time.sleep(0.02)


def test_each_line_is_a_message_of_its_own_behind_the_words(run: Run, server: SseServer) -> None:
    done = run(
        "--base-url", server.base_url, "--each-line", "French:", stdin="one\r\n\n two\nthree"
    )
    found = rows(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert {line: row["input"] for line, row in found.items()} == {1: "one", 3: " two", 4: "three"}
    assert found[4]["content"] == "You said: French:\n\nthree"
    for request in server.requests:
        if request.method == "POST":
            assert [message["role"] for message in request.messages] == ["user"]
    assert len(json.loads(run("--list-sessions", "--json").stdout)) == 3


def test_lines_are_requested_as_many_at_a_time_as_the_option_says(home: Path) -> None:
    all_there, lock = threading.Event(), threading.Lock()
    under_way: list[RecordedRequest] = []

    def choose(request: RecordedRequest) -> Reply:
        with lock:
            under_way.append(request)
            if len(under_way) >= 3:
                all_there.set()
        return Answer("done", gate=all_there)

    with SseServer(default=choose) as server:
        process = spawn(
            home, "--base-url", server.base_url, "-m", "x", "--each-line", "--parallel", "3"
        )
        out, said = process.communicate(b"a\nb\nc\n", timeout=30)
    assert set(rows(out.decode())) == {1, 2, 3}
    assert (process.returncode, said) == (0, b"")


def test_a_line_that_fails_is_told_in_its_row_and_the_others_go_on(home: Path, run: Run) -> None:
    def choose(request: RecordedRequest) -> Reply:
        if "bad" in str(request.messages[-1]["content"]):
            body = json.dumps({"error": {"message": "no such thing"}}).encode()
            return Raw([body], 400, "application/json")
        return Answer("fine")

    with SseServer(default=choose) as server:
        done = run(
            "--base-url", server.base_url, "-m", "x", "--each-line", stdin="good\nbad\nwell\n"
        )
    found = rows(done.stdout)
    assert [found[line].get("content") for line in (1, 2, 3)] == ["fine", None, "fine"]
    assert "no such thing" in found[2]["error"]["message"]
    assert found[2]["state"] == "failed"
    assert done.returncode == 1


def test_stdin_is_read_only_as_far_ahead_as_answers_come(home: Path) -> None:
    gate = threading.Event()
    with SseServer(default=lambda _: Answer("x", gate=gate)) as server:
        process = spawn(home, "--base-url", server.base_url, "-m", "x", "--each-line")
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        sent = os.write(process.stdin.fileno(), b"first\n")
        assert server.at_gate.wait(20)
        lines = (b"y" * 1023 + b"\n") * 16
        # A full pipe that is being read has room again within the time that this takes.
        for _ in range(100):
            with suppress(BlockingIOError):
                while sent < 4 * 2**20:
                    sent += os.write(process.stdin.fileno(), lines)
            time.sleep(0.005)
        process.stdin.close()
        process.kill()
        process.wait(10)
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()
        gate.set()
    assert sent < 2**20


def test_ctrl_c_keeps_what_is_done_and_what_came(home: Path, run: Run) -> None:
    gate = threading.Event()
    with SseServer() as server:
        server.answer("first")
        server.answer("The beginning, the end.", gate=gate, gate_after_chars=13)
        process = spawn(home, "--base-url", server.base_url, "-m", "x", "--each-line")
        assert process.stdin is not None
        process.stdin.write(b"a\nb\nc\n")
        process.stdin.flush()
        assert server.at_gate.wait(20)
        wait_for_words(home, b"The beginning")
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=20)
    found = rows(out.decode())
    assert process.returncode == 130
    assert found[1]["content"] == "first"
    assert found[2]["content"].startswith("The beginning")
    assert found[2]["state"] == "stopped"
    assert 3 not in found
    assert said == b""


def test_a_reader_of_rows_that_leaves_ends_it(home: Path) -> None:
    with SseServer() as server:
        process = spawn(home, "--base-url", server.base_url, "-m", "x", "--each-line")
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"a\n" * 500)
        process.stdin.close()
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""
        process.stderr.close()
        assert len(server.requests) < 400


def states_on_disk(home: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(home / "chatrepl" / "sessions.db")) as database:
        query = "SELECT content, state FROM messages WHERE role = 'assistant' ORDER BY created"
        return [(str(content), str(state)) for content, state in database.execute(query)]


def ask_three_at_once(home: Path, write_to: Path | int) -> "subprocess.CompletedProcess[bytes]":
    """Ask three lines, of which the last is answered while the others still come."""
    began = threading.Barrier(3)

    def choose(request: RecordedRequest) -> Reply:
        with suppress(threading.BrokenBarrierError):
            began.wait(20)
        if "quick" in str(request.messages[-1]["content"]):
            wait_for_words(home, b"Beginning of one")
            wait_for_words(home, b"Beginning of two")
            return Answer("At once.")
        word = str(request.messages[-1]["content"])
        begin = f"Beginning of {word}, "
        return Answer(begin + "end.", gate=threading.Event(), gate_after_chars=len(begin))

    arguments = ["-m", "x", "--each-line", "--parallel", "3"]
    stdout = os.open(write_to, os.O_WRONLY) if isinstance(write_to, Path) else write_to
    try:
        with SseServer(default=choose) as server:
            return subprocess.run(
                [*PROGRAM, "--base-url", server.base_url, *arguments],
                input=b"one\ntwo\nquick\n" + b"never asked\n" * 20,
                stdout=stdout,
                stderr=subprocess.PIPE,
                env={"PATH": os.defpath, "LANG": "C.UTF-8", **environment_of(home)},
                timeout=60,
            )
    finally:
        os.close(stdout)


def test_rows_that_cannot_be_written_end_it_and_all_that_came_is_kept(home: Path) -> None:
    done = ask_three_at_once(home, Path("/dev/full"))
    assert done.stderr == b"chatrepl: the results cannot be written: No space left on device\n"
    assert done.returncode == 1
    assert [(content[:9], state) for content, state in sorted(states_on_disk(home))] == [
        ("At once.", "complete"),
        ("Beginning", "stopped"),
        ("Beginning", "stopped"),
    ]


def test_answers_are_saved_when_the_reader_of_rows_has_left(home: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = ask_three_at_once(home, writing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [state for _, state in sorted(states_on_disk(home))] == [
        "complete",
        "stopped",
        "stopped",
    ]


def test_a_line_that_cannot_be_read_lets_the_answers_on_their_way_come(home: Path) -> None:
    with SseServer(default=lambda _: Answer("An answer", chunk_chars=3, delay_s=0.7)) as server:
        process = spawn(
            home, "--base-url", server.base_url, "-m", "x", "--each-line", "--parallel", "2"
        )
        long_line = b"x" * (65 * 2**20)
        out, said = process.communicate(b"one\ntwo\n" + long_line, timeout=60)
    assert {row["content"] for row in rows(out.decode()).values()} == {"An answer"}
    assert set(rows(out.decode())) == {1, 2}
    assert (process.returncode, said) == (2, b"chatrepl: line 3 has more than 64 MB\n")


def test_forms_that_exclude_each_other_are_refused_in_one_line(run: Run, server: SseServer) -> None:
    for wrong in (
        ["--each-line", "-S", "x"],
        ["--each-line", "--parallel", "0"],
        ["--parallel", "2", "x"],
        ["--script", "/nowhere/at/all"],
        ["--script", "-", "words"],
    ):
        done = run("--base-url", server.base_url, *wrong, stdin="a\n")
        assert (done.returncode, done.stdout) == (2, ""), wrong
        assert done.stderr.count("\n") == 1


def test_a_script_runs_messages_and_commands_in_one_conversation(
    run: Run, server: SseServer, tmp_path: Path
) -> None:
    script = tmp_path / "talk"
    script.write_text(
        "#!/usr/bin/env -S chatrepl --script\n/temperature 0.5\nhello\\\nworld\n\n/context\nbye\n"
        "/exit\nnever\n",
        "utf-8",
    )
    done = run("--base-url", server.base_url, "-S", "trip", "--script", str(script))
    assert done.returncode == 0
    first, *_, last = done.stdout.split("\n\n")
    assert first == "You said: hello\nworld"
    assert last == "You said: bye\n"
    assert "hello world" in done.stdout
    assert "temperature: 0.5" in done.stderr
    assert server.requests[-1].body["temperature"] == 0.5
    said = [m["content"] for m in server.requests[-1].messages if m["role"] == "user"]
    assert said == ["hello\nworld", "bye"]


def test_a_script_ends_at_the_first_failure_and_says_where(run: Run, server: SseServer) -> None:
    done = run("--base-url", server.base_url, "--script", "-", stdin="one\n/nonsense\ntwo\n")
    assert (done.returncode, done.stdout) == (2, "You said: one\n")
    assert "stdin, line 2: there is no command /nonsense" in done.stderr
    server.error(401, {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}})
    done = run("--base-url", server.base_url, "-m", "x", "--script", "-", stdin="one\ntwo\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "stdin, line 1" in done.stderr


def test_a_script_is_dealt_with_while_it_is_being_written(home: Path, server: SseServer) -> None:
    process = spawn(home, "--base-url", server.base_url, "--json", "--script", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    for word in ("one", "two"):
        process.stdin.write(word.encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["content"] == f"You said: {word}"
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_script_says_what_there_is_no_clipboard_and_no_menu_for(
    run: Run, server: SseServer, home: Path
) -> None:
    for command, says in (("/copy", "no clipboard here takes it"), ("/load", "NUMBER or NAME")):
        script = home / "script"
        script.write_text(f"hello\n{command}\n")
        done = run("--base-url", server.base_url, "--script", str(script), env={"PATH": ""})
        assert says in done.stderr + done.stdout
        assert "gave" not in done.stderr
        assert "arrows" not in done.stderr
        assert done.returncode == (2 if command == "/copy" else 0)


def test_the_wait_for_a_busy_server_names_a_key_that_works_without_a_prompt(
    run: Run, server: SseServer
) -> None:
    server.error(429, {"error": {"message": "busy"}}, {"Retry-After": "0"})
    done = run("--base-url", server.base_url, "hello")
    assert "Ctrl+C gives up" in done.stderr
