"""The conversation in a live terminal: answers, toolbar, background tasks, pending actions."""
