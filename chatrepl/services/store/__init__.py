"""Sessions on disk: trees of messages in one SQLite database."""

from chatrepl.services.store.sqlite_store import SqliteStore

__all__ = ["SqliteStore"]
