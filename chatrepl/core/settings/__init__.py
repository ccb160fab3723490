"""Settings: their table, the kinds and layers of values, roles."""
