"""Errors of the API: exceptions, error payloads, refused parameters, context lengths."""
