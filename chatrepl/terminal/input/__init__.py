"""The live prompt: the one owner of the terminal, and of prompt_toolkit."""
