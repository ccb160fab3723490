"""Role files: those in the user's folder, and those that ship with the program."""

import asyncio
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from chatrepl.core.errors import UsageError
from chatrepl.core.settings.roles import check_role_name
from chatrepl.core.text.quoting import nearest
from chatrepl.services.files.private_files import error_text, make_private_folder, replace_private
from chatrepl.services.files.user_files import UserFiles

_SUFFIX = ".md"
_SHIPPED = resources.files(__package__).joinpath("shipped_roles")


class RoleFiles:
    """Implements the core's ``Roles`` port. The user's role hides a shipped one of its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> Sequence[str]:
        """List the names of all roles, sorted."""
        try:
            own = [path.stem for path in self._folder.iterdir() if path.suffix == _SUFFIX]
        except OSError:
            own = []
        return sorted({*own, *_shipped()})

    async def read(self, name: str) -> str:
        """Read a role's text in a thread. Raises ``UsageError``."""
        check_role_name(name)
        return await asyncio.to_thread(self._read, name)

    def place_of(self, path: str) -> str:
        """Resolve a path in a role's text, relative to the folder of the user's roles."""
        try:
            return str(self._folder / Path(path.strip()).expanduser())
        except RuntimeError as error:
            raise UsageError(f"{path}: {error}") from None

    async def write(self, name: str, text: str, *, replace: bool = False) -> str:
        """Write a role to the user's folder in a thread, and return its path."""
        check_role_name(name)
        return await asyncio.to_thread(self._write, name, text, replace)

    def _read(self, name: str) -> str:
        path = self._folder / (name + _SUFFIX)
        if path.exists():
            return UserFiles.read_now(str(path))
        if name in _shipped():
            return _SHIPPED.joinpath(name + _SUFFIX).read_text("utf-8")
        raise UsageError(
            f"there is no role “{name}”",
            nearest(name, list(self.names())) or "chatrepl --list-roles, or /roles",
        )

    def _write(self, name: str, text: str, replace: bool) -> str:
        path = self._folder / (name + _SUFFIX)
        if path.exists() and not replace:
            raise UsageError(
                f"the role {name} is there already", f"/role --save {name} --replace writes it anew"
            )
        try:
            make_private_folder(self._folder)
            replace_private(path, text)
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot write {path}: {error_text(error)}") from None
        return str(path)


def _shipped() -> list[str]:
    return [
        entry.name.removesuffix(_SUFFIX)
        for entry in _SHIPPED.iterdir()
        if entry.name.endswith(_SUFFIX)
    ]
