"""Debug log: private, bounded, free of keys, harmless when it fails."""

import logging
import resource
from pathlib import Path

import pytest

from chatrepl.core.errors import UsageError
from chatrepl.services.files.debug_log import FileDebugLog

LOGGER = logging.getLogger("chatrepl.services.somewhere")


def test_nothing_is_written_before_it_is_on_nor_after_it_is_off(tmp_path: Path) -> None:
    log = FileDebugLog(tmp_path / "state" / "debug.log")
    LOGGER.debug("before")
    assert not log.is_on
    log.start()
    log.start()
    LOGGER.debug("within %d", 1)
    log.stop()
    LOGGER.debug("after")
    text = Path(log.path).read_text("utf-8")
    assert "within 1\n" in text
    assert text.count("within") == 1
    assert "before" not in text
    assert "after" not in text


def test_the_file_and_its_predecessor_are_the_users_alone_and_bounded(tmp_path: Path) -> None:
    log = FileDebugLog(tmp_path / "state" / "debug.log")
    log.start()
    for _ in range(300):
        LOGGER.debug("x" * 10_000)
    log.stop()
    files = sorted((tmp_path / "state").iterdir())
    assert [file.name for file in files] == ["debug.log", "debug.log.1"]
    for file in files:
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.stat().st_size <= 1024 * 1024
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_what_looks_like_a_key_is_not_written_whoever_logs_it(tmp_path: Path) -> None:
    log = FileDebugLog(tmp_path / "debug.log")
    log.start()
    try:
        raise ValueError("Authorization: Bearer sk-canary-3f9a51c07d2e")
    except ValueError:
        LOGGER.debug("failed with %s", "sk-canary-3f9a51c07d2e", exc_info=True)
    log.stop()
    text = Path(log.path).read_text("utf-8")
    assert "canary" not in text
    assert "[key]" in text


def test_a_file_that_cannot_be_opened_is_told_and_one_that_fails_later_is_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        FileDebugLog(tmp_path / "file" / "debug.log").start()
    log = FileDebugLog(tmp_path / "debug.log")
    log.start()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
        LOGGER.debug("what a full disk does not take")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not log.is_on
    LOGGER.debug("more")
    log.stop()
    assert capsys.readouterr().err == ""
