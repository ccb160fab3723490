"""Conversion of exceptions and error responses to ``ModelError``."""
