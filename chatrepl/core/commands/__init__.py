"""Slash-commands: one table, and handlers that yield events."""
