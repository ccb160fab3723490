"""The input line: the live prompt, key bindings, history, questions, editor."""
