"""The person: prompt_toolkit owns the terminal (``input``), rich makes lines (``draw``)."""
