"""The user's terminal: the prompt and the screen (prompt_toolkit), drawing of lines (rich)."""
