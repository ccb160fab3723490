"""The operating system: API keys, clipboard, shell."""
