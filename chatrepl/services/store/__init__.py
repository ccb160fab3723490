"""Session storage: trees of messages in one SQLite database."""

from chatrepl.services.store.store import SqliteStore

__all__ = ["SqliteStore"]
