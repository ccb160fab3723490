import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatrepl.core.errors import UsageError
from chatrepl.services.files.paths import Paths, find_paths
from tests.support import ROOT


def all_of(paths: Paths) -> list[Path]:
    return [
        paths.config_file,
        paths.database,
        paths.roles_folder,
        paths.history_file,
        paths.cache_folder,
    ]


def test_chatrepl_home_puts_everything_under_one_folder(tmp_path: Path) -> None:
    paths = find_paths({"CHATREPL_HOME": str(tmp_path / "all")})
    names = ["config.toml", "sessions.db", "roles", "history", "cache"]
    assert all_of(paths) == [tmp_path / "all" / name for name in names]
    assert not (tmp_path / "all").exists()


def test_a_relative_chatrepl_home_is_taken_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = find_paths({"CHATREPL_HOME": "here"})
    monkeypatch.chdir("/")
    assert paths.database == tmp_path / "here" / "sessions.db"


def test_a_tilde_in_chatrepl_home_is_the_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_paths({"CHATREPL_HOME": "~/chat"}).database == tmp_path / "chat" / "sessions.db"


def test_an_unknown_users_home_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(UsageError, match="CHATREPL_HOME names no folder: ~nobody-of-this-name"):
        find_paths({"CHATREPL_HOME": "~nobody-of-this-name/x"})


def test_a_relative_home_in_a_deleted_folder_is_an_error_that_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match="CHATREPL_HOME"):
        find_paths({"CHATREPL_HOME": "here"})


@pytest.mark.skipif(sys.platform != "linux", reason="the folders are those of Linux")
def test_without_chatrepl_home_the_platforms_folders_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONFIG_HOME", "DATA_HOME", "STATE_HOME", "CACHE_HOME"):
        monkeypatch.delenv(f"XDG_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    paths = find_paths({"CHATREPL_HOME": ""})
    assert all_of(paths) == [
        tmp_path / ".config/chatrepl/config.toml",
        tmp_path / ".local/share/chatrepl/sessions.db",
        tmp_path / ".local/share/chatrepl/roles",
        tmp_path / ".local/state/chatrepl/history",
        tmp_path / "elsewhere/chatrepl",
    ]


SHOW = (
    "import os, pwd, sys\n"
    "def unknown(uid): raise KeyError(uid)\n"
    "pwd.getpwuid = unknown\n"
    "from chatrepl.services.files.paths import find_paths\n"
    "paths = find_paths(os.environ)\n"
    "print(paths.database, paths.config_file, paths.cache_folder, sep='\\n')\n"
    "print('platformdirs' in sys.modules)\n"
)


def shown(folder: Path, environment: dict[str, str]) -> list[str]:
    root = ROOT
    ended = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={"PATH": os.defpath, "PYTHONPATH": str(root), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.split("\n")[:4]


@pytest.mark.process
@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"HOME": "/nonexistent/home"}])
def test_without_a_home_every_path_is_still_absolute(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    lines = shown(tmp_path, environment)
    assert all(line.startswith("/") and "~" not in line for line in lines[:3])
    assert lines[3] == "True"
    assert not list(tmp_path.iterdir())


@pytest.mark.process
def test_with_chatrepl_home_platformdirs_is_not_loaded(tmp_path: Path) -> None:
    assert shown(tmp_path, {"CHATREPL_HOME": str(tmp_path)})[3] == "False"
