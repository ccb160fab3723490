"""One question, one answer: pipes, exit codes, JSON, sessions."""

import json
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import PROGRAM, Run, Start, environment_of

TOLD = "你好, \u202e ö"
HOSTILE = "safe \x1b]52;c;aGk=\x07 \x9b2J \x1b[2J \u202e end"


def spawn(home: Path, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.defpath, "LANG": "C.UTF-8", **environment_of(home)},
        **options,
    )


def test_words_and_piped_text_are_one_message_and_the_answer_goes_to_stdout(
    run: Run, server: SseServer
) -> None:
    server.answer("# A *title*\n\n- `code`")
    done = run("--base-url", server.base_url, "do", "this", stdin="some\ntext\n")
    assert server.requests[-1].messages == [{"role": "user", "content": "do this\n\nsome\ntext"}]
    assert (done.returncode, done.stdout) == (0, "# A *title*\n\n- `code`\n")
    assert done.stderr == ""
    done = run("--base-url", server.base_url, stdin="/exit is text here")
    assert done.stdout == "You said: /exit is text here\n"


def test_options_may_stand_before_and_behind_the_words(run: Run, server: SseServer) -> None:
    done = run("--no-save", "what", "-t", "0.5", "else", "--base-url", server.base_url)
    assert done.stdout == "You said: what else\n"
    assert server.requests[-1].body["temperature"] == 0.5


def test_words_behind_two_hyphens_are_text_however_they_begin(run: Run, server: SseServer) -> None:
    done = run("--base-url", server.base_url, "what", "--", "is", "-t", "--")
    assert (done.returncode, done.stdout) == (0, "You said: what is -t --\n")
    done = run("--base-url", server.base_url, "--", "-t", "--")
    assert (done.returncode, done.stdout) == (0, "You said: -t --\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error_and_no_file_takes_its_place(
    server: SseServer, home: Path, closed: str
) -> None:
    # A log is told of on stderr: what is written there must not end up in the database.
    arguments = ["--base-url", server.base_url, *(["--debug"] if "2>&-" in closed else []), "hi"]
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {closed}', "sh", *PROGRAM, *arguments],
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "LANG": "C.UTF-8", **environment_of(home)},
    )
    shown = "" if ">&-" in closed.replace("2>", "") else "You said: hi\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")
    assert server.requests[-1].messages == [{"role": "user", "content": "hi"}]
    database = next(home.rglob("sessions.db"))
    assert database.read_bytes().startswith(b"SQLite format 3")


def test_exit_codes_tell_what_went_wrong_and_stdout_stays_empty(
    run: Run, server: SseServer, home: Path
) -> None:
    url = server.base_url
    server.error(401, {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}})
    done = run("--base-url", url, "hello")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("chatrepl: ")
    for wrong in (["--temperature", "9", "x"], ["--nonsense", "x"], ["-r", "nowhere", "x"], []):
        done = run("--base-url", url, *wrong)
        assert (done.returncode, done.stdout) == (2, ""), (wrong, done)
        assert done.stderr.startswith("chatrepl: ")
        assert done.stderr.count("\n") == 1
    gate = threading.Event()
    server.answer("The beginning, the end.", gate=gate, gate_after_chars=13)
    process = spawn(home, "--base-url", url, "tell me")
    assert server.at_gate.wait(15)
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 15)[0], "nothing came before the end"
    assert os.read(process.stdout.fileno(), 100).startswith(b"The beg")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    rest, said = process.communicate()
    assert "Traceback" not in rest + said
    assert "The beginning" in run("-c", "--export", "-").stdout


def test_a_reader_that_leaves_early_ends_it_quietly(server: SseServer, home: Path) -> None:
    server.answer("line\n" * 50_000)
    process = spawn(home, "--base-url", server.base_url, "much")
    assert process.stdout is not None
    assert process.stdout.readline() == "line\n"
    process.stdout.close()
    assert process.wait(15) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()


def test_an_answer_that_cannot_be_written_is_saved(run: Run, server: SseServer, home: Path) -> None:
    server.answer("line\n" * 20_000)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "--base-url", server.base_url, "much"],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", **environment_of(home)},
        )
    assert done.returncode == 1
    assert done.stderr.startswith("chatrepl: the answer cannot be written: ")
    kept = json.loads(run("-c", "--export", "-").stdout)["tree"][-1]
    assert kept["state"] == "stopped"
    assert kept["content"].startswith("line")


def test_characters_made_of_several_come_whole_however_an_answer_is_cut(
    server: SseServer, home: Path
) -> None:
    text = "\U0001f469\u200d\U0001f4bb and \u2764\ufe0f"
    gate = threading.Event()
    server.answer(text, chunk_chars=1, gate=gate, gate_after_chars=1)
    process = spawn(home, "--base-url", server.base_url, "x")
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 15)[0], "nothing came before the gate"
    gate.set()
    shown, _ = process.communicate(timeout=15)
    assert shown == text + "\n"


def test_a_piped_answer_cannot_command_the_terminal(run: Run, server: SseServer) -> None:
    server.answer(HOSTILE, chunk_chars=1)
    plain = run("--base-url", server.base_url, "x")
    server.answer(HOSTILE, chunk_chars=1)
    as_json = run("--base-url", server.base_url, "--json", "x")
    for done in (plain, as_json):
        assert "safe" in done.stdout
        assert not set("\x1b\x07\x9b\u202e") & set(done.stdout + done.stderr)
    assert json.loads(as_json.stdout)["content"] == HOSTILE


def test_the_result_as_json_has_the_answer_and_what_it_cost(run: Run, server: SseServer) -> None:
    server.answer("Four.", reasoning="Two and two.")
    done = run("--base-url", server.base_url, "--json", "2+2?")
    found = json.loads(done.stdout)
    assert found["content"] == "Four."
    assert found["reasoning"] == "Two and two."
    assert found["model"] == "test-model"
    assert found["finish_reason"] == "stop"
    assert found["usage"]["completion_tokens"] == 5
    assert done.stdout.count("\n") == 1


def test_sessions_go_on_by_name_by_newest_and_not_at_all(run: Run, server: SseServer) -> None:
    url = server.base_url
    assert run("--base-url", url, "-S", "trip", "one").returncode == 0
    assert run("--base-url", url, "-S", "trip", "two").returncode == 0
    assert run("--base-url", url, "--no-save", "secret").returncode == 0
    assert run("--base-url", url, "-c", "three").returncode == 0
    assert run("--base-url", url, "-r", "trip", "four").returncode == 0
    said = [m["content"] for m in server.requests[-1].messages if m["role"] == "user"]
    assert said == ["one", "two", "three", "four"]
    listed = json.loads(run("--list-sessions", "--json").stdout)
    assert [(row["name"], row["messages"]) for row in listed] == [("trip", 8)]
    plain = run("--list-sessions").stdout
    assert plain.startswith("trip ")
    assert plain.count("\n") == 1
    exported = json.loads(run("-r", "trip", "--export", "-").stdout)
    assert [m["content"] for m in exported["messages"]][:2] == ["one", "You said: one"]
    assert exported["name"] == "trip"


def test_a_transcript_is_written_in_the_form_its_suffix_names(
    run: Run, server: SseServer, tmp_path: Path
) -> None:
    run("--base-url", server.base_url, "-S", "trip", "**one**")
    for suffix, part in (
        (".md", "**one**"),
        (".html", "<strong>one</strong>"),
        (".json", '"tree"'),
    ):
        target = tmp_path / f"out{suffix}"
        done = run("-r", "trip", "--export", str(target))
        assert (done.returncode, done.stdout) == (0, "")
        assert part in target.read_text()
    assert run("-r", "trip", "--export", "out.pdf").returncode == 2


def test_one_shot_on_a_terminal_draws_the_answer_without_a_prompt(
    start: Start, server: SseServer
) -> None:
    server.answer("# Title\n\nSome **bold** text.\n\n```python\nx = 1\n```\n")
    chat = start("ask")
    assert chat.wait_exit() == 0
    assert "Some bold text." in chat.text()
    assert "**" not in chat.text()
    assert "x = 1" in chat.text()
    assert chat.dirt() == []


def test_lists_of_models_are_printed_one_a_line_or_as_json(run: Run, server: SseServer) -> None:
    assert run("--base-url", server.base_url, "--list-models").stdout == "test-model\nother-model\n"
    listed = json.loads(run("--base-url", server.base_url, "--list-models", "--json").stdout)
    assert [row["id"] for row in listed] == ["test-model", "other-model"]


def test_a_signal_that_is_ignored_at_the_start_stays_ignored(server: SseServer, home: Path) -> None:
    gate = threading.Event()
    server.answer("before and after", gate=gate, gate_after_chars=7)
    command = ["/bin/sh", "-c", 'trap "" HUP INT; exec "$@"', "sh", *PROGRAM]
    process = subprocess.Popen(
        [*command, "--base-url", server.base_url, "hi"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.defpath, "LANG": "C.UTF-8", **environment_of(home)},
    )
    assert server.at_gate.wait(20)
    process.send_signal(signal.SIGHUP)
    gate.set()
    assert process.communicate(timeout=20)[0] == "before and after\n"
    assert process.returncode == 0


def test_a_dry_run_has_all_that_would_be_sent_and_fails_where_it_is_too_much(
    run: Run, home: Path
) -> None:
    (home / "chatrepl").mkdir(exist_ok=True)
    (home / "chatrepl" / "config.toml").write_text('reminder = "Be brief."')
    options = ["--base-url", "http://127.0.0.1:1/v1", "-m", "m", "--dry-run"]
    done = run(*options, "hello")
    (message,) = json.loads(done.stdout)["messages"]
    assert message["content"].startswith("hello") and "Be brief." in message["content"]
    assert done.returncode == 0
    done = run(*options, "--budget", "300", "--reserve", "200", "long " * 500)
    assert done.returncode == 2
    assert "does not fit" in done.stderr


def test_a_result_that_cannot_be_written_is_a_failure_that_is_told(
    run: Run, server: SseServer, home: Path
) -> None:
    run("--base-url", server.base_url, "-S", "kept", "hello")
    for arguments in (["-r", "kept", "--export", "-"], ["--json", "hi"], ["--list-sessions"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [*PROGRAM, "--base-url", server.base_url, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                env={"PATH": os.defpath, "LANG": "C.UTF-8", **environment_of(home)},
            )
        assert done.returncode == 1
        assert "cannot be written: no space left on device" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "find"),
    [
        (["--json", TOLD], None, lambda result: result["content"]),
        (["--each-line"], TOLD, lambda result: result["content"]),
        (["--json", "--script", "-"], TOLD, lambda result: result["content"]),
        (["--dry-run", TOLD], None, lambda result: f"You said: {result['messages'][0]['content']}"),
    ],
)
def test_json_keeps_what_the_encoding_of_the_output_lacks(
    run: Run,
    server: SseServer,
    arguments: list[str],
    stdin: str | None,
    find: Callable[[dict[str, Any]], str],
) -> None:
    encoding = {"PYTHONIOENCODING": "ascii"}
    done = run("--base-url", server.base_url, "-m", "x", *arguments, stdin=stdin, env=encoding)
    assert done.returncode == 0, done.stderr
    assert find(json.loads(done.stdout)) == f"You said: {TOLD}"


def test_an_export_keeps_what_the_encoding_of_the_output_lacks(run: Run, server: SseServer) -> None:
    run("--base-url", server.base_url, "-S", "kept", TOLD)
    done = run("-r", "kept", "--export", "-", env={"PYTHONIOENCODING": "ascii"})
    contents = [message["content"] for message in json.loads(done.stdout)["messages"]]
    assert contents == [TOLD, f"You said: {TOLD}"]
    assert json.loads(run("--list-sessions", "--json").stdout)[0]["first_words"] == TOLD


def test_a_command_that_helps_is_told_as_one_of_the_conversation(
    run: Run, server: SseServer
) -> None:
    server.silence("cut")
    server.silence("cut")
    server.silence("cut")
    done = run("--base-url", server.base_url, "-m", "x", "hello")
    assert done.returncode == 1
    assert "— in a conversation: /retry asks again" in done.stderr
