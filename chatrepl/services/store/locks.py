"""File locks between processes; the kernel frees them when their holder dies."""

import errno
import fcntl
import hashlib
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from chatrepl.services.files.private_files import make_private_folder

# The file system has no locks, or a lock file cannot be created: no permission, or no space.
_UNABLE = (
    *(errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS),
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT),
)
_POLL_S = 0.02


class FileLock:
    """An exclusive lock on a file that exists only while the lock is held."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path) -> "FileLock | None":
        """Take the lock; None if another holder has it. Raises ``OSError``."""
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The holder deletes the file on release: a lock on a deleted file locks nothing.
                if _same_file(descriptor, path):
                    return cls(path, descriptor)
            except BlockingIOError:
                os.close(descriptor)
                return None
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def release(self) -> None:
        """Delete the file and free the lock."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with suppress(OSError):
                self._path.unlink()
            os.close(descriptor)


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (here.st_ino, here.st_dev) == (there.st_ino, there.st_dev)


class Locks:
    """The locks of one store: on the database (shared), on the open session, and as a writer.

    If the file system cannot lock, or the folder cannot be written, everything counts as free.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shared: int | None = None
        self._held: dict[str, FileLock | None] = {}
        """This store's locks by their file names; None where locks are impossible."""
        self._session = ""
        self._writer = ""

    def share(self, timeout_s: float) -> bool:
        """Take the shared database lock; False if a repair holds it for longer than the timeout."""
        try:
            make_private_folder(self._folder)
            if self._shared is None:
                self._shared = os.open(self._folder / "database", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            _pass_if_unable(error)
            return True
        return self._flock_shared(timeout_s)

    def _flock_shared(self, timeout_s: float) -> bool:
        assert self._shared is not None
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(self._shared, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(_POLL_S)
            except OSError as error:
                _pass_if_unable(error)
                return True

    def exclude_others(self) -> bool:
        """Make the database lock exclusive until ``share_again``; False if others hold it."""
        if self._shared is None:
            return True
        try:
            fcntl.flock(self._shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # The failed conversion has given up the shared lock.
            self._flock_shared(0)
            return False
        except OSError as error:
            _pass_if_unable(error)
        return True

    def share_again(self) -> None:
        """Turn the exclusive database lock back into a shared one."""
        if self._shared is not None:
            self._flock_shared(0)

    def take_session(self, session_id: str) -> bool:
        """Lock a session and free the previous one; False (no change) if another process has it."""
        name = _session_file(session_id)
        if name != self._session:
            if not self._take(name):
                return False
            self._free(self._session)
            self._session = name
        return True

    def is_elsewhere(self, session_id: str) -> bool:
        """Return whether another process has the session open."""
        return self._is_held_elsewhere(_session_file(session_id))

    def writer(self) -> str:
        """Return this store's writer token, locked until ``release`` or the process's end."""
        if not self._writer:
            token = secrets.token_hex(8)
            self._take(f"writer-{token}")
            self._writer = token
        return self._writer

    def is_writing(self, token: str) -> bool:
        """Return whether the writer with this token is alive."""
        name = f"writer-{token}"
        if name in self._held:
            return True
        try:
            (self._folder / name).stat()
        except OSError:
            return False
        return self._is_held_elsewhere(name)

    def release(self) -> None:
        """Free every lock."""
        for name in list(self._held):
            self._free(name)
        self._session = self._writer = ""
        if self._shared is not None:
            os.close(self._shared)
            self._shared = None

    def _take(self, name: str) -> bool:
        """Take and hold a lock; False if another process holds it."""
        try:
            lock = FileLock.take(self._folder / name)
        except OSError as error:
            _pass_if_unable(error)
            self._held[name] = None
            return True
        if lock is not None:
            self._held[name] = lock
        return lock is not None

    def _free(self, name: str) -> None:
        lock = self._held.pop(name, None)
        if lock is not None:
            lock.release()

    def _is_held_elsewhere(self, name: str) -> bool:
        """Return whether another process holds a lock; a dead holder's file is deleted."""
        if name in self._held:
            return False
        is_free = self._take(name)
        self._free(name)
        return not is_free


def _pass_if_unable(error: OSError) -> None:
    if error.errno not in _UNABLE:
        raise error


def _session_file(session_id: str) -> str:
    digest = hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"session-{digest[:32]}"
