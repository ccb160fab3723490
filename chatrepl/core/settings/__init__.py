"""Settings: the table, their kinds, the layers of values, roles."""
