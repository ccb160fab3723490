"""Tool calls, put together from the pieces they stream in."""

from dataclasses import dataclass, field

from chatrepl.core.events import ToolCalled

__all__ = ["ToolCalls"]


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class ToolCalls:
    """The calls that have begun, by choice; each is handed over once, when its choice ends."""

    def __init__(self) -> None:
        self._open: dict[int, dict[int, _Call]] = {}

    def add(self, choice: int, number: int, call_id: str, name: str, arguments: str) -> None:
        """Take a further piece of a choice's call of that number."""
        call = self._open.setdefault(choice, {}).setdefault(number, _Call())
        call.id = call.id or call_id
        call.name += name
        call.arguments.append(arguments)

    def take(self, choice: int | None = None) -> list[ToolCalled]:
        """Hand over a choice's calls, or all that are left."""
        choices = list(self._open) if choice is None else [choice]
        return [
            ToolCalled(call.name, "".join(call.arguments), index, call.id)
            for index in choices
            for call in self._open.pop(index, {}).values()
        ]
