"""Turn events into styled lines: the one owner of rich, markdown-it and pygments."""
