"""Files on disk: configuration, roles, attachments, private files, learned facts, logs."""
