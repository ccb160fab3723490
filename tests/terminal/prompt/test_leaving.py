import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chatrepl.terminal.prompt.editor import EditorError, choose_editor
from tests.support.terminal.driven_prompt import DRIVER, MARK, Driven, Start

FATAL = [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("number", FATAL)
@pytest.mark.parametrize("doing", ["nothing", "flood 100000", "child sleep 60"])
def test_a_signal_saves_and_leaves_the_terminal_clean(
    start: Start, number: signal.Signals, doing: str, tmp_path: Path
) -> None:
    history = tmp_path / "state" / "history"
    terminal = start(env={"DRIVER_HISTORY": str(history)}).wait_prompt()
    terminal.send(f"{doing}\rmy draft")
    terminal.wait_call("submit", doing)
    terminal.settle()
    terminal.signal(number)
    assert terminal.wait_exit() == -number
    assert terminal.dirt() == []
    assert terminal.calls("save") == [number]
    assert "Traceback" not in terminal.everything()
    if "child" not in doing:
        assert json.loads(history.read_text().splitlines()[-1]) == "my draft"


def test_a_signal_while_the_program_loads_leaves_the_terminal_clean(start: Start) -> None:
    code = (
        "import time\n"
        "from chatrepl.terminal.tty.raw_mode import hold_terminal\n"
        "held = hold_terminal(); print('held', flush=True); time.sleep(30)\n"
    )
    terminal = start(argv=[sys.executable, "-c", code])
    terminal.wait_for("held")
    assert terminal.dirt() != []
    terminal.signal(signal.SIGTERM)
    assert terminal.wait_exit() == -signal.SIGTERM
    assert terminal.dirt() == []


def test_a_failure_while_the_program_loads_leaves_the_terminal_clean(start: Start) -> None:
    code = (
        "from chatrepl.terminal.tty.raw_mode import hold_terminal\n"
        "with hold_terminal(): raise SystemExit(3)\n"
    )
    terminal = start(argv=[sys.executable, "-c", code])
    assert terminal.wait_exit() == 3
    assert terminal.dirt() == []


def test_an_interrupt_from_outside_is_a_control_c(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("draft")
    terminal.wait_for(MARK + " draft")
    terminal.signal(signal.SIGINT)
    terminal.wait_for(lambda t: "draft" not in t.text())
    terminal.send("\x1b[A")
    terminal.wait_for(MARK + " draft")


def test_a_failure_gives_the_terminal_back_before_it_is_reported(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("fail\r")
    terminal.wait_for("RuntimeError: broken")
    assert terminal.wait_exit() == 1
    assert terminal.dirt() == []


@pytest.mark.parametrize("doing", ["nothing", "flood 100000"])
def test_a_closed_terminal_saves_and_ends(start: Start, doing: str) -> None:
    terminal = start().wait_prompt()
    terminal.send(doing + "\r")
    terminal.wait_call("submit", doing)
    terminal.settle()
    terminal.hang_up()
    assert terminal.wait_exit() == -signal.SIGHUP
    assert terminal.calls("save") == [signal.SIGHUP]


def test_a_closed_terminal_is_noticed_where_its_signal_is_ignored(start: Start) -> None:
    trap = "trap '' HUP; exec \"$@\""
    terminal = start(argv=["/bin/sh", "-c", trap, "sh", sys.executable, str(DRIVER)])
    terminal.wait_prompt()
    terminal.hang_up()
    assert terminal.wait_exit() in (-signal.SIGHUP, 0)
    assert terminal.calls("save") == [signal.SIGHUP]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_hang_up_that_follows_does_not_cut_the_saving_short(
    start: Start, number: signal.Signals
) -> None:
    terminal = start(settings={"hang_up_again": True}).wait_prompt()
    terminal.signal(number)
    assert terminal.wait_exit() == -number
    assert terminal.calls("save") == [number]


def test_an_idle_prompt_uses_no_processor_time(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.settle(0.5)
    before = cpu_s(terminal.process.pid)
    terminal.settle(1.5)
    assert cpu_s(terminal.process.pid) - before <= 0.02


def test_suspending_gives_the_shell_a_clean_terminal_and_comes_back(start: Start) -> None:
    terminal = start(
        argv=["/bin/bash", "--norc", "--noprofile", "-i"], env={"PS1": "shell> ", "HISTFILE": ""}
    )
    terminal.wait_for("shell>")
    terminal.send(f"(exec {sys.executable} {DRIVER})\r")
    terminal.wait_for(MARK)
    terminal.send("hello\rdraft")
    terminal.wait_for(MARK + " draft")
    terminal.send("\x1a")
    terminal.wait_for("Stopped")
    assert MARK + " draft" not in terminal.text()
    assert terminal.raw.rfind(b"\x1b[?2004l") > 0
    terminal.send("echo in the $((1+1)) shell; stty -a | grep -c ' icanon'\r")
    terminal.wait_for("in the 2 shell\n1")
    terminal.send("fg\r")
    terminal.wait_for(MARK + " draft")
    terminal.send(" goes on\r")
    terminal.wait_call("submit", "draft goes on")


def test_another_program_gets_the_terminal_and_control_c(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "child"
    script.write_text(
        "#!/bin/sh\nstty -a | grep -o -- '-\\?echo '\nread x\necho got $x\n"
        "trap 'echo interrupted; exit 3' INT\necho ready\nwhile :; do sleep 0.1; done\n"
    )
    script.chmod(0o755)
    terminal = start().wait_prompt()
    terminal.send(f"child {script}\r")
    terminal.wait_for("echo")
    terminal.send("abc\r")
    terminal.wait_for("got abc")
    terminal.wait_for("ready")
    terminal.send("\x03")
    terminal.wait_for("interrupted")
    terminal.wait_call("child", 3)
    assert terminal.calls("stop") == []
    terminal.send("back\r")
    terminal.wait_for("<submit 'back'>")


def test_lines_printed_while_a_child_runs_come_afterwards(start: Start) -> None:
    terminal = start().wait_prompt()
    terminal.send("flood 200 20 0.005\rchild sleep 0.5\r")
    terminal.wait_call("child", 0)
    terminal.wait_for("<flood over>")
    shown = [line for line in terminal.everything().splitlines() if line.startswith("<0")]
    assert [int(line[1:6]) for line in shown] == list(range(200))


@pytest.mark.parametrize("keys", ["\x18\x05", "\x07"], ids=["ctrl-x ctrl-e", "ctrl-g"])
def test_the_editor_gets_the_line_and_gives_it_back(
    start: Start, tmp_path: Path, keys: str
) -> None:
    editor = tmp_path / "my editor"
    editor.write_text('#!/bin/sh\ncat "$2" >"$1"\necho "second line" >>"$2"\n')
    editor.chmod(0o755)
    seen = tmp_path / "seen"
    terminal = start(env={"VISUAL": f"'{editor}' {seen}"}).wait_prompt()
    terminal.send("first\n")
    terminal.send(keys[:1])
    terminal.settle(0.3)
    terminal.send(keys[1:])
    terminal.wait_for("second line")
    terminal.send("\r")
    terminal.wait_call("submit", "first\nsecond line")
    assert seen.read_text() == "first\n"


def test_a_missing_or_failing_editor_leaves_the_line_as_it_is(start: Start) -> None:
    terminal = start(env={"VISUAL": "/no/such/editor"}).wait_prompt()
    terminal.send("draft\x07")
    terminal.wait_for("cannot use /no/such/editor")
    terminal.wait_for(MARK + " draft")
    failing = start(env={"EDITOR": "false"}).wait_prompt()
    failing.send("draft\x07")
    failing.wait_for("false ended with 1")
    failing.wait_for(MARK + " draft")


def test_a_missing_editor_is_an_error() -> None:
    with pytest.raises(EditorError, match="set VISUAL or EDITOR"):
        choose_editor({"PATH": "/nowhere"})
    assert choose_editor({"EDITOR": "code --wait"}) == ["code", "--wait"]


def typed_line(terminal: Driven, text: str) -> None:
    terminal.send(text + "\r")
    terminal.wait_call("submit", text)


def test_the_history_is_shared_by_runs_and_private(start: Start, tmp_path: Path) -> None:
    history = tmp_path / "state" / "history"
    env = {"DRIVER_HISTORY": str(history)}
    first, second = start(env=env).wait_prompt(), start(env=env).wait_prompt()
    typed_line(first, "from the first")
    typed_line(second, "from the second")
    first.send("two\nlines\r")
    first.wait_call("submit", "two\nlines")
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    with history.open("ab") as file:
        file.write(b'{"broken\n\xff\xfe\n[1]\n"half')
    third = start(env=env).wait_prompt()
    third.settle()
    typed_line(third, "after the damage")
    third.send("\x1b[A\x1b[A")
    third.wait_for(MARK + " two")
    third.send("\x1b[A" * 2)
    third.wait_for(MARK + " from the second")
    entries = history.read_bytes().splitlines()
    assert json.loads(entries[-1]) == "after the damage"


def test_a_history_that_cannot_be_written_is_said_and_kept_in_memory(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    terminal = start(env={"DRIVER_HISTORY": str(tmp_path / "file" / "history")}).wait_prompt()
    terminal.send("one\r")
    terminal.wait_for("input history is not saved")
    terminal.send("\x1b[A")
    terminal.wait_for(MARK + " one")


@pytest.mark.process
def test_raw_mode_imports_no_library() -> None:
    code = "import sys, chatrepl.terminal.tty.raw_mode; print('prompt_toolkit' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout == "False\n"


def test_escape_is_quick_and_chords_are_patient(start: Start) -> None:
    terminal = start(env={"VISUAL": "true"}).wait_prompt()
    terminal.send("busy\r")
    terminal.wait_for("waiting")
    began = time.monotonic()
    terminal.send("\x1b")
    terminal.wait_call("stop")
    print(f"Escape stopped the answer after {time.monotonic() - began:.3f} s")
