"""Terminal output without a live prompt: a single answer, and dumb terminals."""
