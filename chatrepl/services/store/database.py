"""The SQLite connection: private file, durable writes, one transaction per change."""

import os
import re
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chatrepl.core.errors import StoreError
from chatrepl.services.files.private_files import make_private_folder, open_private
from chatrepl.services.store.codec import encode_text
from chatrepl.services.store.schema import MIGRATIONS, VERSION

_NETWORK_TYPES = re.compile(
    r"9p|afs|beegfs|ceph|cifs|fuse\.(glusterfs|s3fs|sshfs)|gpfs|lustre|ncpfs|nfs4?|panfs|smb3|smbfs"
    r"|vboxsf|virtiofs"
)
_MOUNTS = Path("/proc/self/mounts")


def is_network_file_system(path: Path, mounts: str) -> bool:
    """Return whether a path lies on a network file system, given the text of ``/proc/mounts``."""
    longest, file_system = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        # A later mount on the same point hides the earlier one.
        if path.is_relative_to(point) and len(point) >= longest:
            longest, file_system = len(point), fields[2]
    return _NETWORK_TYPES.fullmatch(file_system) is not None


def _is_on_network(path: Path) -> bool:
    try:
        return is_network_file_system(path.resolve(), _MOUNTS.read_text(errors="replace"))
    except OSError:
        return False


class Database:
    """One open connection, for use on one thread. ``path`` None: a database in memory.

    The constructor creates and migrates the file. It raises ``StoreError`` for a newer format,
    ``sqlite3.Error`` and ``OSError``.
    """

    def __init__(self, path: Path | None, busy_timeout_s: float) -> None:
        self.path = path
        self.is_read_only = False
        self.connection = self._connect(busy_timeout_s)
        try:
            self._prepare()
        except BaseException:
            self.connection.close()
            raise

    def _connect(self, busy_timeout_s: float) -> sqlite3.Connection:
        if self.path is None:
            return sqlite3.connect(":memory:", isolation_level=None)
        make_private_folder(self.path.parent)
        self.is_read_only = not _make_private_file(self.path)
        if not self.is_read_only:
            return sqlite3.connect(self.path, isolation_level=None, timeout=busy_timeout_s)
        return _connect_read_only(self.path, busy_timeout_s)

    def _prepare(self) -> None:
        # Checked before anything is written: a newer program's file must stay as it is.
        self._refuse_newer()
        run = self.connection.execute
        run("PRAGMA foreign_keys = ON")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA temp_store = MEMORY")
        if self.is_read_only:
            return
        self._set_journal()
        if self._version() < VERSION:
            self._migrate()

    def _version(self) -> int:
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])

    def _refuse_newer(self) -> None:
        version = self._version()
        if version > VERSION:
            name = self.path.name if self.path else "the database"
            raise StoreError(
                f"{name} is from a newer chatrepl (format {version}, this one knows {VERSION})",
                "update chatrepl, or set CHATREPL_HOME to another folder; the file is unchanged",
            )

    def _set_journal(self) -> None:
        if self.path is None:
            return
        # WAL needs memory shared by all processes that use the file: one machine only.
        wanted = "DELETE" if _is_on_network(self.path) else "WAL"
        try:
            mode = self.connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
                raise
            mode = ""
        if mode != "wal":
            self.connection.execute("PRAGMA journal_mode = DELETE")

    def _migrate(self) -> None:
        with self.transaction():
            for version in range(self._version(), VERSION):
                for statement in MIGRATIONS[version]:
                    self.connection.execute(statement)
            self.connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in a write transaction: committed to disk at its end, or rolled back."""
        if self.is_read_only:
            raise sqlite3.OperationalError("attempt to write a readonly database")
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Run the block in a read transaction: all its queries see the same state."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self._roll_back()

    def _roll_back(self) -> None:
        # SQLite has rolled back by itself after some errors (disk full, I/O error).
        if self.connection.in_transaction:
            with suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")

    def row(
        self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> tuple[Any, ...] | None:
        """Return a query's first row, or None."""
        row: tuple[Any, ...] | None = self.connection.execute(query, values).fetchone()
        return row

    def number_of(self, table: str, id_: str) -> int | None:
        """Return the row number of a session's or message's id; None if it is not stored."""
        row = self.row(f"SELECT number FROM {table} WHERE id = ?", (encode_text(id_),))  # noqa: S608
        return None if row is None else int(row[0])

    def close(self) -> None:
        """Close the connection; the file's last one merges the write-ahead log into it."""
        self.connection.close()


def _make_private_file(path: Path) -> bool:
    """Create the file, or make it private; return False if it exists and cannot be written."""
    try:
        open_private(path, "xb").close()
    except FileExistsError:
        # Checked without opening it: closing any descriptor of a file drops SQLite's locks on it.
        effective = os.access in os.supports_effective_ids
        if not os.access(path, os.W_OK, effective_ids=effective):
            return False
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            with suppress(PermissionError):
                path.chmod(0o600)
    return True


def _connect_read_only(path: Path, busy_timeout_s: float) -> sqlite3.Connection:
    """Open a file that cannot be written; as immutable where its log cannot be shared."""
    uri = f"file:{quote(str(path.resolve()))}?mode=ro"
    for options in ("", "&immutable=1"):
        connection = sqlite3.connect(
            uri + options, uri=True, isolation_level=None, timeout=busy_timeout_s
        )
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return connection
        except sqlite3.Error as error:
            connection.close()
            if not isinstance(error, sqlite3.OperationalError):
                raise
    raise sqlite3.OperationalError("attempt to read a readonly database")
