"""Recovery of interrupted answers and of damaged databases."""
