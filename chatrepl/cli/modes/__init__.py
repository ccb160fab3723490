"""Modes of running: interactive, one-shot, batch, script, listing."""
