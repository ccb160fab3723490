"""The terminal front end: prompt_toolkit owns the terminal, rich renders lines (``draw``)."""
