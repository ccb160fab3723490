"""Real shell: exit codes, captured and shown output, bounds, no access to the input."""

import asyncio
import os

import pytest

from chatrepl.core.errors import UsageError
from chatrepl.core.ports.system import ShellResult
from chatrepl.services.system.shell import SystemShell

pytestmark = pytest.mark.process

ENVIRONMENT = {"PATH": os.defpath, "SHELL": "/bin/sh"}


def run(command: str, *, capture: bool = True, shell: str = "/bin/sh") -> ShellResult:
    environment = {**ENVIRONMENT, "SHELL": shell}
    return asyncio.run(SystemShell(environment).run(command, capture=capture))


def test_both_outputs_are_kept_as_they_are_and_shown_made_safe(
    capfd: pytest.CaptureFixture[str],
) -> None:
    result = run("printf 'a\\033[31mb'; echo c >&2; exit 4")
    assert result == ShellResult(4, "a\x1b[31mbc\n")
    shown = capfd.readouterr().out
    assert shown == "a\u241b[31mbc\n"


def test_without_capture_the_output_is_the_commands_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("printf '\\033[1mx'", capture=False) == ShellResult(0)
    assert capfd.readouterr().out == "\x1b[1mx"


def test_a_signal_is_told_by_a_code_below_zero() -> None:
    assert run("kill -TERM $$").code == -15


def test_much_output_is_kept_in_part_and_read_to_its_end() -> None:
    result = run("yes 0123456 | head -c 3000000; echo end >&2; exit 5")
    assert result.code == 5
    assert len(result.output) < 300_000
    assert result.output.endswith("left out]\n")


def test_where_there_is_no_terminal_to_give_there_is_no_input() -> None:
    assert run("cat; echo done") == ShellResult(0, "done\n")


def test_a_shell_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match="cannot be run"):
        run("true", shell="/nowhere/sh")


@pytest.mark.timeout(20)
async def test_giving_up_ends_the_command() -> None:
    task = asyncio.ensure_future(SystemShell(ENVIRONMENT).run("exec sleep 60", capture=True))
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
