"""The input line: the prompt, key bindings, history, questions, editor, child programs."""
