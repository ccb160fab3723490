"""Bytes from and to the terminal: raw mode, keyboard, parsing, writing, signals, queries."""
