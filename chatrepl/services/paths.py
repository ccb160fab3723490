"""Where files live; the one owner of platformdirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Paths", "find_paths"]

_NAME = "chatrepl"


@dataclass(frozen=True, slots=True)
class Paths:
    """The program's own files; none of them need exist."""

    config_file: Path
    database: Path
    roles_folder: Path
    history_file: Path
    cache_folder: Path


def find_paths(environment: Mapping[str, str]) -> Paths:
    """Return the platform's folders, or all under ``CHATREPL_HOME`` where that is set."""
    home = environment.get("CHATREPL_HOME")
    if home:
        folder = Path(home).expanduser().absolute()
        return Paths(
            config_file=folder / "config.toml",
            database=folder / "sessions.db",
            roles_folder=folder / "roles",
            history_file=folder / "history",
            cache_folder=folder / "cache",
        )
    import platformdirs

    data = Path(platformdirs.user_data_dir(_NAME, appauthor=False))
    return Paths(
        config_file=Path(platformdirs.user_config_dir(_NAME, appauthor=False)) / "config.toml",
        database=data / "sessions.db",
        roles_folder=data / "roles",
        history_file=Path(platformdirs.user_state_dir(_NAME, appauthor=False)) / "history",
        cache_folder=Path(platformdirs.user_cache_dir(_NAME, appauthor=False)),
    )
