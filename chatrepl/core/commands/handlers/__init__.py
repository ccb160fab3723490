"""Handlers of the slash-commands, one module for each group."""
