"""Which session a run begins with."""

from dataclasses import dataclass

__all__ = ["Choice"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which session to begin with; at most one of the four."""

    newest: bool = False
    existing: str | None = None
    """A name (or the beginning of an id) that must be there."""
    named: str | None = None
    """A name that is made where it is not there."""
    pick: bool = False
    """The person chooses from a menu."""
