"""Private files: for the owner's eyes only from the moment they exist, and replaced whole."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, Literal, TextIO, overload

from chatrepl.core.errors import UsageError

__all__ = [
    "decode_utf8",
    "explain_os_error",
    "fsync_folder",
    "make_private_folder",
    "open_private",
    "place_after",
    "read_regular",
    "replace_private",
    "replacing_private",
]

TextMode = Literal["w", "a", "x"]
BinaryMode = Literal["wb", "ab", "xb"]

_FLAGS = {
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}

_CAUSES = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
    errno.EFBIG: ("the file would grow over the size limit", "raise `ulimit -f`"),
    errno.EROFS: ("the file system is read-only", "set CHATREPL_HOME to a folder you can write"),
    errno.EACCES: ("permission denied", "set CHATREPL_HOME to a folder you can write"),
    errno.EPERM: ("permission denied", "set CHATREPL_HOME to a folder you can write"),
    errno.ENOTDIR: ("a file stands where a folder is needed", "move it away"),
    errno.EEXIST: ("something of that name exists already", "choose another name"),
    errno.EISDIR: ("that is a folder", "name a file"),
    errno.ENOENT: ("there is no such file or folder", "check the path"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.EMFILE: ("too many files are open", "raise `ulimit -n`"),
    errno.EIO: ("the disk reported an error", "check the disk"),
}


def explain_os_error(error: OSError) -> tuple[str, str]:
    """Say in words why the system refused, and what to do: cause and hint, without the path."""
    known = _CAUSES.get(error.errno or 0)
    return known or (error.strerror or str(error) or type(error).__name__, "")


def read_regular(path: str, most_bytes: int) -> bytes:
    """Read a file of the user's.

    Raises ``UsageError`` for what cannot be read, is too large, or is no file: a pipe, a folder.
    """
    try:
        # Not blocking: opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(Path(path).expanduser(), os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{path} is not a file")
            if status.st_size > most_bytes:
                raise UsageError(f"{path} is larger than {most_bytes // 2**20} MB")
            return file.read(most_bytes)
    except (OSError, ValueError, RuntimeError) as error:
        cause = explain_os_error(error)[0] if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read {path}: {cause}") from None


def decode_utf8(data: bytes, path: str | Path) -> str:
    """Return a file's text, a byte order mark included. Else a ``UsageError`` names the place."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(f"{path}, line 1, column 1: this is UTF-16", "save it as UTF-8")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        where = place_after(data[: error.start].decode())
        raise UsageError(f"{path}, {where}: not UTF-8 text", "save it as UTF-8") from None


def place_after(before: str) -> str:
    """Name the line and column, from 1, that follow a text."""
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def make_private_folder(path: Path) -> None:
    """Make a folder and its missing parents, each 0700; those that exist stay as they are.

    Raises ``OSError``, also when something that is no folder stands there.
    """
    missing = []
    folder = path
    while not folder.is_dir():
        missing.append(folder)
        if folder == folder.parent:
            break
        folder = folder.parent
    for folder in reversed(missing):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            # A umask can only take bits away; one like 0o277 would lock the owner out.
            folder.chmod(0o700)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


@overload
def open_private(path: Path, mode: TextMode, *, errors: str = ...) -> TextIO: ...
@overload
def open_private(path: Path, mode: BinaryMode) -> BinaryIO: ...
def open_private(
    path: Path, mode: TextMode | BinaryMode, *, errors: str = "strict"
) -> TextIO | BinaryIO:
    """Open a file for writing that is 0600 from its creation on, whatever the umask.

    An existing file of the user's is narrowed to 0600. Text is UTF-8; line ends stay as they are.
    Raises ``OSError``.
    """
    descriptor = os.open(path, _FLAGS[mode[0]], 0o600)
    # The file may be older than this program, or another user's (root's): then it stays as it is.
    with suppress(PermissionError):
        os.fchmod(descriptor, 0o600)
    if "b" in mode:
        return os.fdopen(descriptor, mode)  # type: ignore[return-value]
    return os.fdopen(descriptor, mode, encoding="utf-8", errors=errors, newline="\n")  # type: ignore[return-value]


def fsync_folder(path: Path) -> None:
    """Put a folder's entries on disk, where its file system can do so for folders."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def replacing_private(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of ``path`` when the block ends, and vanishes if it fails.

    Readers see the old content or the new, never a mixture, also after a power cut. The file is
    0600; a symbolic link stays one and its target is replaced. Raises ``OSError``.
    """
    target = path.resolve()
    descriptor, name = tempfile.mkstemp(
        prefix=f".{target.name[:40]}.", suffix=".tmp", dir=target.parent
    )
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(target.parent)


def replace_private(path: Path, data: str | bytes) -> None:
    """Write a whole file at once: the old content or the new, never half. Text as UTF-8, 0600.

    Raises ``OSError``, and ``UnicodeEncodeError`` for text with a lone surrogate.
    """
    content = data if isinstance(data, bytes) else data.encode()
    with replacing_private(path) as file:
        file.write(content)
