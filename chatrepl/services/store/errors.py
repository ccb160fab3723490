"""Translation of SQLite and system errors to one-line ``StoreError`` messages."""

import sqlite3

from chatrepl.core.errors import StoreError
from chatrepl.services.files.private_files import explain_os_error
from chatrepl.services.store.codec import DamageError

_LOCKED = (
    "the session database is locked by another program",
    "close that program, or wait; what follows is saved then",
)
_DAMAGED = ("the session database is damaged", "a copy of it is kept")
_CAUSES = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space; what follows is saved then"),
    sqlite3.SQLITE_READONLY: (
        "the session database is read-only",
        "make it writable, or set CHATREPL_HOME to a folder you can write",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the session database cannot be opened",
        "check the permissions of its folder, or set CHATREPL_HOME to another",
    ),
    sqlite3.SQLITE_PERM: (
        "permission to the session database is denied",
        "check its owner, or set CHATREPL_HOME to a folder of yours",
    ),
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_IOERR: (
        "the disk refused to read or write (full, over a size limit, or failing)",
        "check the disk, its free space and `ulimit -f`",
    ),
    sqlite3.SQLITE_TOOBIG: ("a message is too large to be saved", "split it"),
    sqlite3.SQLITE_PROTOCOL: (
        "the file system does not support SQLite's locks",
        "set CHATREPL_HOME to a folder on a local disk",
    ),
    sqlite3.SQLITE_NOLFS: ("the file system cannot hold a file this large", ""),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
_CODES_BY_WORD = {"readonly": sqlite3.SQLITE_READONLY, "locked": sqlite3.SQLITE_BUSY}


def _code_of(error: sqlite3.Error) -> int:
    # Errors raised by the Python module itself carry no code.
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return int(code) & 0xFF
    return next((code for word, code in _CODES_BY_WORD.items() if word in str(error)), 0)


def is_damage(error: Exception) -> bool:
    """Return whether an error means that the file's content is corrupt."""
    if not isinstance(error, sqlite3.Error):
        return isinstance(error, DamageError | UnicodeDecodeError)
    return _CAUSES.get(_code_of(error)) is _DAMAGED or "Could not decode to UTF-8" in str(error)


def store_error(error: Exception) -> StoreError:
    """Convert an exception of SQLite or the system to the error that users see."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, OSError):
        cause, hint = explain_os_error(error)
        return StoreError(f"the session database cannot be used: {cause}", hint)
    if isinstance(error, DamageError):
        return StoreError("the session database is damaged", str(error))
    if isinstance(error, sqlite3.Error):
        cause, hint = _CAUSES.get(_code_of(error), (f"the session database failed: {error}", ""))
        return StoreError(cause, hint)
    return StoreError(f"the session could not be saved: {str(error) or type(error).__name__}")
