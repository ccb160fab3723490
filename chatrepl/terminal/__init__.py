"""The person: prompt_toolkit owns the terminal (``input``), rich turns events into lines (``draw``)."""
