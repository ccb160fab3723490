"""Private files (mode 0600 from their creation, replaced atomically), and errors of all files."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, Literal, TextIO, overload

from chatrepl.core.errors import UsageError

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
    """Return the cause of a system error and a hint, without the path."""
    known = _CAUSES.get(error.errno or 0)
    return known or (error.strerror or str(error) or type(error).__name__, "")


def error_text(error: Exception) -> str:
    """Return the cause of an error of the system, or of a path or text that is no valid one."""
    return explain_os_error(error)[0] if isinstance(error, OSError) else str(error)


def read_regular(path: str, most_bytes: int) -> bytes:
    """Read a regular file whose path may begin with ``~``.

    Raises ``UsageError`` for a file that cannot be read, is too large, or is a pipe or folder.
    """
    try:
        # Non-blocking: opening a pipe without a writer would block for ever.
        descriptor = os.open(Path(path).expanduser(), os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{path} is not a file")
            if status.st_size > most_bytes:
                raise UsageError(f"{path} is larger than {most_bytes // 2**20} MB")
            return file.read(most_bytes)
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"cannot read {path}: {error_text(error)}") from None


def decode_utf8(data: bytes, path: str | Path) -> str:
    """Decode a file's content, including a byte order mark.

    Raises ``UsageError`` with line and column of the first byte that is not UTF-8.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(f"{path}, line 1, column 1: this is UTF-16", "save it as UTF-8")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        place = place_after(data[: error.start].decode())
        raise UsageError(f"{path}, {place}: not UTF-8 text", "save it as UTF-8") from None


def place_after(before: str) -> str:
    """Return the line and column, from 1, of the position after a text, in words."""
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def make_private_folder(path: Path) -> None:
    """Create a folder and its missing parents with mode 0700; existing ones keep their mode.

    Raises ``OSError``, also if a file of that name exists.
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
            # The umask removes bits from the mode; one like 0o277 would lock the owner out.
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
    """Open a file for writing with mode 0600 from its creation, whatever the umask.

    An existing file of the user is changed to 0600. Text is UTF-8; line ends are not translated.
    Raises ``OSError``.
    """
    descriptor = os.open(path, _FLAGS[mode[0]], 0o600)
    # Not permitted for a file of another user (root): it keeps its mode.
    with suppress(PermissionError):
        os.fchmod(descriptor, 0o600)
    if "b" in mode:
        return os.fdopen(descriptor, mode)  # type: ignore[return-value]
    return os.fdopen(descriptor, mode, encoding="utf-8", errors=errors, newline="\n")  # type: ignore[return-value]


def fsync_folder(path: Path) -> None:
    """Flush a folder's entries to disk, where its file system supports that."""
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
    """Yield a temporary file that replaces ``path`` at the end of the block, unless that fails.

    Atomic: readers see the old content or the new, even after a power cut. The file has mode 0600;
    of a symbolic link, the target is replaced. Raises ``OSError``.
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
    """Replace a file's content atomically, with mode 0600; text is encoded as UTF-8.

    Raises ``OSError``, and ``UnicodeEncodeError`` for text with a lone surrogate.
    """
    with replacing_private(path) as file:
        file.write(data if isinstance(data, bytes) else data.encode())
