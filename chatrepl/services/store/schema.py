"""Database schema as numbered migrations; ``PRAGMA user_version`` counts those applied.

Every table has an integer key, so that the rest of a damaged file can be read by ranges of it.
``number`` grows with time; a parent's is smaller than its children's.
"""

_FIRST = (
    """CREATE TABLE sessions (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        name TEXT,
        title TEXT NOT NULL,
        head INTEGER REFERENCES messages(number) DEFERRABLE INITIALLY DEFERRED,
        settings TEXT NOT NULL,
        extra TEXT,
        created TEXT NOT NULL,
        updated TEXT NOT NULL,
        written INTEGER NOT NULL,
        deleted TEXT,
        message_count INTEGER NOT NULL DEFAULT 0,
        size_bytes INTEGER NOT NULL DEFAULT 0,
        model TEXT,
        first_words TEXT
    )""",
    "CREATE UNIQUE INDEX session_names ON sessions(name) WHERE deleted IS NULL",
    "CREATE INDEX sessions_by_time ON sessions(deleted, updated, written)",
    "CREATE INDEX sessions_by_writing ON sessions(written)",
    "CREATE INDEX sessions_by_head ON sessions(head)",
    """CREATE TABLE messages (
        number INTEGER PRIMARY KEY,
        session INTEGER NOT NULL,
        parent INTEGER REFERENCES messages(number) DEFERRABLE INITIALLY DEFERRED,
        writer TEXT,
        id TEXT NOT NULL UNIQUE,
        role TEXT NOT NULL,
        name TEXT,
        state TEXT NOT NULL,
        created TEXT NOT NULL,
        model TEXT,
        finish_reason TEXT,
        response_id TEXT,
        details TEXT,
        reasoning TEXT NOT NULL,
        content TEXT NOT NULL
    )""",
    "CREATE INDEX messages_by_session ON messages(session)",
    "CREATE INDEX messages_by_parent ON messages(parent)",
    # Answers that a process is writing, and recovered ones that are not reported to the user yet.
    "CREATE INDEX messages_unfinished ON messages(session) WHERE writer IS NOT NULL",
    # Messages of a session's tree that belong to another session: the one it was forked from.
    """CREATE TABLE inherited (
        number INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES sessions(number) ON DELETE CASCADE,
        message INTEGER NOT NULL REFERENCES messages(number) DEFERRABLE INITIALLY DEFERRED,
        UNIQUE (session, message)
    )""",
    "CREATE INDEX inherited_by_message ON inherited(message)",
    # Text of streaming answers, in the order received; deleted when the answer is complete.
    """CREATE TABLE chunks (
        number INTEGER PRIMARY KEY,
        message INTEGER NOT NULL REFERENCES messages(number) ON DELETE CASCADE,
        content TEXT NOT NULL,
        reasoning TEXT NOT NULL
    )""",
    "CREATE INDEX chunks_by_message ON chunks(message)",
    """CREATE TABLE marks (
        number INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES sessions(number) ON DELETE CASCADE,
        message INTEGER NOT NULL REFERENCES messages(number) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        UNIQUE (session, message, kind)
    )""",
    "CREATE INDEX marks_by_message ON marks(message)",
    """CREATE TABLE counts (
        number INTEGER PRIMARY KEY,
        message INTEGER NOT NULL REFERENCES messages(number) ON DELETE CASCADE,
        encoding TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        UNIQUE (message, encoding)
    )""",
    # Case-folded text for the search. It lags behind the messages: ``unindexed`` lists the rest.
    """CREATE TABLE search_text (
        number INTEGER PRIMARY KEY,
        session INTEGER NOT NULL,
        in_index INTEGER NOT NULL,
        folded TEXT NOT NULL
    )""",
    "CREATE INDEX search_text_left_out ON search_text(number) WHERE in_index = 0",
    "CREATE TABLE unindexed (number INTEGER PRIMARY KEY)",
)

_PAIRS = (
    # Lowest message number whose text is also in the index of words of one and two characters.
    "CREATE TABLE search_progress (number INTEGER PRIMARY KEY, pairs_from INTEGER NOT NULL)",
    "INSERT INTO search_progress SELECT 1, coalesce(max(number) + 1, 0) FROM search_text",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _PAIRS)
VERSION = len(MIGRATIONS)
