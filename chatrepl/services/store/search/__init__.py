"""Full-text search over stored messages: index, query, ranking."""
