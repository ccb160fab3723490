import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatrepl.services.files.private_files import (
    explain_os_error,
    make_private_folder,
    open_private,
    replace_private,
    replacing_private,
)


@contextmanager
def umask(value: int) -> Iterator[None]:
    old = os.umask(value)
    try:
        yield
    finally:
        os.umask(old)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o277])
def test_every_folder_that_is_made_is_private_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        make_private_folder(tmp_path / "a" / "b" / "c")
    for folder in ("a", "a/b", "a/b/c"):
        assert mode_of(tmp_path / folder) == 0o700


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine").chmod(0o755)
    make_private_folder(tmp_path / "mine")
    assert mode_of(tmp_path / "mine") == 0o755


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    for path in (tmp_path / "home", tmp_path / "home" / "deeper"):
        with pytest.raises(NotADirectoryError):
            make_private_folder(path)
    assert (tmp_path / "home").read_text() == "a file"


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_a_private_file_is_private_from_its_creation(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "history"
    with umask(mask), open_private(path, "a") as file:
        assert mode_of(path) == 0o600
        file.write("one\r\n東京\n")
    with open_private(path, "ab") as binary:
        binary.write(b"three\n")
    assert path.read_bytes() == "one\r\n東京\nthree\n".encode()


def test_a_file_that_others_could_read_is_narrowed(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("old")
    path.chmod(0o644)
    open_private(path, "a").close()
    assert mode_of(path) == 0o600
    assert path.read_text() == "old"


def test_exclusive_creation_refuses_what_exists(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    with pytest.raises(FileExistsError):
        open_private(tmp_path / "x", "x")
    assert (tmp_path / "x").read_text() == "old"


def test_a_replacement_that_fails_midway_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    replace_private(path, "old")
    with pytest.raises(RuntimeError), replacing_private(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]


def test_text_that_cannot_be_encoded_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    replace_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_private(path, "\ud800")
    assert path.read_text() == "old"


def test_a_replaced_file_is_private_and_a_link_to_it_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with umask(0):
        replace_private(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    assert mode_of(tmp_path / "real") == 0o600


def test_a_full_device_is_explained_in_words() -> None:
    with pytest.raises(OSError) as caught, open("/dev/full", "wb", buffering=0) as file:  # noqa: PTH123
        file.write(b"x")
    assert explain_os_error(caught.value) == ("the disk is full", "free some space")
