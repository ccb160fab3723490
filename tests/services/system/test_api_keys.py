import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from chatrepl.core.errors import UsageError
from chatrepl.services.system.api_keys import key_from

KEY = "sk-test-abcdefghijklmnop1234"


def command(program: str) -> dict[str, object]:
    return {"api_key_cmd": f"{shlex.quote(sys.executable)} -c {shlex.quote(program)}"}


def found(fields: dict[str, object], **options: float) -> tuple[str, str]:
    secret, origin = key_from(fields, dict(os.environ), **options)  # type: ignore[arg-type]
    return secret.value, origin


def failure(fields: dict[str, object], **options: float) -> str:
    with pytest.raises(UsageError) as caught:
        found(fields, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_variable_gives_the_key_without_white_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_KEY", f" {KEY}\n")
    assert found({"api_key_env": "CLUSTER_KEY"}) == (KEY, "CLUSTER_KEY")


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_variable_that_is_not_set_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("CLUSTER_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("CLUSTER_KEY", value)
    said = failure({"api_key_env": "CLUSTER_KEY"})
    assert "CLUSTER_KEY, which is not set" in said
    assert "export CLUSTER_KEY=" in said


def test_a_key_written_where_its_variable_should_be_named_is_not_shown() -> None:
    assert KEY not in failure({"api_key_env": KEY})


@pytest.mark.process
def test_a_command_gives_the_key_and_the_origin_names_the_program_only() -> None:
    fields = command(f"print({KEY!r} + '\\n')")
    assert found(fields) == (KEY, f"the command {sys.executable}")


@pytest.mark.process
def test_a_command_is_not_run_by_a_shell(tmp_path: Path) -> None:
    assert (
        found({"api_key_cmd": f"echo $(touch{tmp_path}/x);key"})[0] == f"$(touch{tmp_path}/x);key"
    )


@pytest.mark.process
def test_a_command_reads_nothing_of_what_is_piped_in() -> None:
    assert found(command("import sys; print('k' + sys.stdin.read())"))[0] == "k"


@pytest.mark.process
@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("import sys; sys.exit('first\\nno entry ' + 'sk-' + 'a1' * 20)", "exit code 1: no entry"),
        ("raise SystemExit(3)", "exit code 3: it said nothing"),
        ("pass", "the key is empty"),
        ("print('two words')", "api_key_cmd: the key holds white space"),
        ("import os; os.write(1, b'\\xff\\xfe')", "a character that no key has"),
        ("import os; os.write(2, b'\\xff\\n'); raise SystemExit(1)", "exit code 1"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
    ],
)
def test_a_command_that_fails_is_one_line_without_the_key(program: str, says: str) -> None:
    said = failure(command(program))
    assert says in said
    assert "a1a1" not in said


@pytest.mark.process
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "api_key_cmd is empty"),
        ("''", "names no command"),
        ('pass "show', "check its quotes"),
        ("/no/such/program x", "No such file or directory"),
        ("/etc/passwd", "ermission denied"),
    ],
)
def test_a_command_that_cannot_be_run_is_one_line(text: str, says: str) -> None:
    assert says in failure({"api_key_cmd": text})


@pytest.mark.process
def test_a_command_that_takes_too_long_is_ended_with_what_holds_its_output(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(__import__('os').getpid()))\n"
        "time.sleep(100)"
    )
    assert "took more than 1 s" in failure(command(program), command_timeout_s=1.0)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A fake module keyring with one entry; the real one needs a desktop."""
    module = ModuleType("keyring")

    def get_password(service: str, name: str) -> str | None:
        if service == "locked":
            raise RuntimeError(f"no unlocking {KEY}")
        return KEY if (service, name) == ("chat", "a/b") else None

    module.get_password = get_password  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    return module


@pytest.mark.usefixtures("keyring")
def test_the_keyring_gives_the_key_of_service_and_name() -> None:
    assert found({"api_key_keyring": "chat/a/b"}) == (KEY, "the keyring entry chat/a/b")


@pytest.mark.usefixtures("keyring")
@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("chat/c", "keyring set chat c"),
        ("chat", "not “service/name”"),
        ("/x", "not “service/name”"),
        ("locked/x", "the keyring cannot be asked: no unlocking [key]"),
    ],
)
def test_an_entry_that_is_not_there_is_one_line(entry: str, says: str) -> None:
    assert says in failure({"api_key_keyring": entry})


def test_without_the_keyring_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "pip install keyring" in failure({"api_key_keyring": "chat/a"})
