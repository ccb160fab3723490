"""Where files live; the one owner of platformdirs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chatrepl.core.errors import UsageError

__all__ = ["Paths", "find_paths"]

_NAME = "chatrepl"


@dataclass(frozen=True, slots=True)
class Paths:
    """The program's own files, all absolute; none of them need exist."""

    config_file: Path
    database: Path
    roles_folder: Path
    history_file: Path
    log_file: Path
    cache_folder: Path


def find_paths(environment: Mapping[str, str]) -> Paths:
    """Return the platform's folders, or all under ``CHATREPL_HOME`` where that is set.

    Reads and makes nothing. Raises ``UsageError`` for a ``CHATREPL_HOME`` that names no folder.
    """
    home = environment.get("CHATREPL_HOME")
    if home:
        folder = _folder(home)
        return Paths(
            config_file=folder / "config.toml",
            database=folder / "sessions.db",
            roles_folder=folder / "roles",
            history_file=folder / "history",
            log_file=folder / "debug.log",
            cache_folder=folder / "cache",
        )
    import platformdirs

    data = _found(platformdirs.user_data_dir)
    state = _found(platformdirs.user_state_dir)
    return Paths(
        config_file=_found(platformdirs.user_config_dir) / "config.toml",
        database=data / "sessions.db",
        roles_folder=data / "roles",
        history_file=state / "history",
        log_file=state / "debug.log",
        cache_folder=_found(platformdirs.user_cache_dir),
    )


def _folder(home: str) -> Path:
    try:
        return Path(home).expanduser().absolute()
    except (RuntimeError, OSError):
        # An unknown user after ``~``, or a relative folder where the current one was deleted.
        raise UsageError(
            f"CHATREPL_HOME names no folder: {home}", "set it to the full path of a folder"
        ) from None


def _found(find: Callable[..., str]) -> Path:
    try:
        return Path(find(_NAME, appauthor=False))
    except RuntimeError:
        # Nobody knows a home, as in a container whose user has no name. What cannot be written
        # below the root is told when it is written, with a hint at CHATREPL_HOME.
        return Path("/", f".{_NAME}")
