"""Messages that count how often they are written into a request body."""

from datetime import UTC, datetime

from chatrepl.core.messages import Message

__all__ = ["CountingText", "counting_path"]

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class CountingText(str):
    """A text that counts its writes, of all such texts together."""

    writes = 0

    def isascii(self) -> bool:
        CountingText.writes += 1
        return super().isascii()


def counting_path(count: int) -> list[Message]:
    """Return messages with counting texts; the count begins anew."""
    CountingText.writes = 0
    return [Message(f"m{at}", None, "user", CountingText(f"text {at}"), NOW) for at in range(count)]
