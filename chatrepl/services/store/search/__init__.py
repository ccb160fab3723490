"""Full-text search of messages: query, index, ranking."""
