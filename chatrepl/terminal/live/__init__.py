"""The conversation at the live prompt: display, toolbar, background tasks, pending actions."""
