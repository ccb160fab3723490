"""The modes of running the program: interactive, one-shot, batch, script, listing."""
