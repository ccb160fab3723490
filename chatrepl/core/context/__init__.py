"""The context window: limits, counting, fitting, planning, and the request body."""
