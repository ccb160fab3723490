"""Completion scripts for shells."""

import shutil
import subprocess
from pathlib import Path

import pytest

from chatrepl.cli.arguments import option_rows
from chatrepl.cli.main import main
from chatrepl.cli.shell_completion import completion_script
from chatrepl.core.errors import UsageError

pytestmark = pytest.mark.process


def offered_by_bash(*words: str) -> list[str]:
    typed = " ".join(f"'{word}'" for word in words)
    script = (
        completion_script("bash", option_rows())
        + f"\nCOMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _chatrepl\n"
        + "printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, check=True
    )
    assert not done.stderr
    return done.stdout.split()


def test_bash_offers_options_values_and_files(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").touch()
    assert offered_by_bash("chatrepl", "--th") == ["--theme"]
    assert offered_by_bash("chatrepl", "--theme", "d") == ["dark"]
    assert offered_by_bash("chatrepl", "--verbosity", "") == ["low", "medium", "high"]
    assert offered_by_bash("chatrepl", "--gguf", f"{tmp_path}/mo") == [f"{tmp_path}/model.gguf"]
    assert offered_by_bash("chatrepl", "-t", "") == []
    assert offered_by_bash("chatrepl", "hello") == []


def test_every_option_that_help_shows_is_in_every_script(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert main(["--print-completion", shell], {}) == 0
        script = capsys.readouterr().out
        for row in option_rows():
            for name in row.names:
                wanted = name if shell != "fish" else name.lstrip("-")
                assert wanted in script


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_sound_for_its_shell(tmp_path: Path, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    path = tmp_path / "script"
    path.write_text(completion_script(shell, option_rows()), "utf-8")
    done = subprocess.run([program, "-n", str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_fish_offers_options_and_values(tmp_path: Path) -> None:
    program = shutil.which("fish")
    if program is None:
        pytest.skip("fish is not installed")
    path = tmp_path / "script"
    path.write_text(completion_script("fish", option_rows()), "utf-8")
    command = f"source {path}; complete -C 'chatrepl --theme '; complete -C 'chatrepl --verb'"
    done = subprocess.run(
        [program, "--no-config", "-c", command],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    first_words = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert {"auto", "dark", "light", "--verbosity"} <= set(first_words)


def test_another_shell_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        completion_script("tcsh", option_rows())
    assert "bash, zsh, fish" in caught.value.hint
