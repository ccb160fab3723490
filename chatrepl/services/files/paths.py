"""Locations of the program's files; the only user of platformdirs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chatrepl.core.errors import UsageError

_NAME = "chatrepl"


@dataclass(frozen=True, slots=True)
class Paths:
    """Absolute paths of the program's files and folders, which need not exist."""

    config_file: Path
    database: Path
    roles_folder: Path
    history_file: Path
    log_file: Path
    cache_folder: Path


def find_paths(environment: Mapping[str, str]) -> Paths:
    """Return paths in the platform's folders, or in ``CHATREPL_HOME`` if that is set.

    Nothing is read or created. Raises ``UsageError`` for an invalid ``CHATREPL_HOME``.
    """
    if home := environment.get("CHATREPL_HOME"):
        config = data = state = _folder(home)
        cache = config / "cache"
    else:
        import platformdirs

        config = _platform_folder(platformdirs.user_config_dir)
        data = _platform_folder(platformdirs.user_data_dir)
        state = _platform_folder(platformdirs.user_state_dir)
        cache = _platform_folder(platformdirs.user_cache_dir)
    return Paths(
        config_file=config / "config.toml",
        database=data / "sessions.db",
        roles_folder=data / "roles",
        history_file=state / "history",
        log_file=state / "debug.log",
        cache_folder=cache,
    )


def _folder(home: str) -> Path:
    try:
        return Path(home).expanduser().absolute()
    except (RuntimeError, OSError):
        # An unknown user after ``~``, or a relative path in a current folder that was deleted.
        raise UsageError(
            f"CHATREPL_HOME names no folder: {home}", "set it to the full path of a folder"
        ) from None


def _platform_folder(find: Callable[..., str]) -> Path:
    try:
        return Path(find(_NAME, appauthor=False))
    except RuntimeError:
        # There is no home folder, as in a container whose user has no name. Writing below the root
        # fails later, with an error that mentions CHATREPL_HOME.
        return Path("/", f".{_NAME}")
