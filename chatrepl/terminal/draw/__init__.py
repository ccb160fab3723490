"""Drawing of events as styled lines: the one owner of rich, markdown-it and pygments."""
