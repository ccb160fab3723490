"""Helpers of the tests: terminals, servers, fakes, values, and tools for documents."""

from pathlib import Path

__all__ = ["ROOT"]

ROOT = Path(__file__).parents[2]
"""The project's own folder."""
