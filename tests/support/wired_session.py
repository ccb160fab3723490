"""A wired program in a folder of its own, talked to line by line without a terminal."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chatrepl.cli.arguments import parse_options
from chatrepl.cli.startup import begin
from chatrepl.cli.wiring import wire
from chatrepl.core.commands.completion import complete
from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.events import Event
from tests.support.fakes import ScriptedPerson

__all__ = ["Home"]


@dataclass
class Home:
    """Everything the program keeps, and what is typed to it."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    person: ScriptedPerson = field(default_factory=ScriptedPerson)

    def configure(self, toml: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.toml").write_text(toml, "utf-8")

    def role(self, name: str, text: str) -> None:
        (self.folder / "roles").mkdir(parents=True, exist_ok=True)
        (self.folder / "roles" / f"{name}.md").write_text(text, "utf-8")

    def talk(self, arguments: Sequence[str], *lines: str) -> list[Event]:
        """Start the program, say the lines one after the other, and leave."""

        async def work() -> list[Event]:
            environment = {"CHATREPL_HOME": str(self.folder), **self.environment}
            options = parse_options(arguments)
            program = wire(options, environment, self.person)
            events: list[Event] = []
            try:
                events.extend([event async for event in begin(program)])
                for line in lines:
                    events.extend([event async for event in handle_line(program.session, line)])
            finally:
                await program.close()
            return events

        return asyncio.run(work())

    def offered(self, arguments: Sequence[str], line: str) -> list[str]:
        """Return what Tab offers for a line that was begun."""

        async def work() -> list[str]:
            environment = {"CHATREPL_HOME": str(self.folder), **self.environment}
            program = wire(parse_options(arguments), environment, self.person)
            try:
                return [suggestion.text for suggestion in complete(program.session, line)]
            finally:
                await program.close()

        return asyncio.run(work())
