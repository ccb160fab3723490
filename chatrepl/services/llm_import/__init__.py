"""Import of conversations from the ``llm`` tool's SQLite database."""
