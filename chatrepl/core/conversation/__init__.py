"""The conversation: a tree of messages, attachments, outcomes, response metadata."""
