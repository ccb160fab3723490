"""Example messages that open a conversation: the form in which settings hold them."""

from dataclasses import dataclass

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.settings.kinds import shown

__all__ = ["Examples", "examples_in"]

_ROLES = ("user", "assistant")


@dataclass(frozen=True, slots=True)
class Examples:
    """Example messages in the API's form: objects with role and content."""

    placeholder: str = "MESSAGES"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return "a list of messages, each with role (user or assistant) and content"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return ()

    def parse(self, text: str) -> Json:
        """Refuse: a line is no place for them."""
        raise UsageError(f"{shown(text)} is not {self.range}", "a role has them: /role NAME")

    def check(self, value: Json) -> Json:
        """Accept a list of messages."""
        if not isinstance(value, list) or len(examples_in(value)) != len(value):
            raise UsageError(f"{shown(value)} is not {self.range}")
        return value

    def show(self, value: Json) -> str:
        """Say how many there are."""
        count = len(examples_in(value))
        return "1 message" if count == 1 else f"{count} messages"


def examples_in(value: Json) -> list[tuple[str, str]]:
    """Return the role and text of each well-formed message."""
    found: list[tuple[str, str]] = []
    for message in value if isinstance(value, list) else ():
        if isinstance(message, dict):
            role, content = message.get("role"), message.get("content")
            if isinstance(role, str) and role in _ROLES and isinstance(content, str):
                found.append((role, content))
    return found
