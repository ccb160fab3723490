"""Output without a live prompt: one answer on a terminal, and dumb terminals."""
