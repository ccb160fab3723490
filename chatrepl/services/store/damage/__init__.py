"""Recovery: interrupted answers, and databases that are damaged."""
