"""A terminal chat REPL for language models."""

__version__ = "0.1.0"
