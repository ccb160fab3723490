"""Streamed responses: bytes to server-sent events, chunks, usage, logprobs, tool calls."""
