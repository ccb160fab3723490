"""Streaming Markdown: blocks that become final line by line, inline syntax, tables, code, math."""
