"""Import of the conversations in the ``llm`` tool's SQLite database."""
