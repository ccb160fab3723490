"""The wired program in a home of its own, driven line by line without a terminal."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chatrepl.cli.arguments import parse_options
from chatrepl.cli.program import Program
from chatrepl.cli.wiring import wire
from chatrepl.core.commands.completion import complete
from chatrepl.core.events import Event
from tests.support.fakes import ScriptedPerson
from tests.support.session_talk import collect, say

__all__ = ["Home"]


@dataclass
class Home:
    """A folder for all that the program saves, and the person who answers its questions."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    person: ScriptedPerson = field(default_factory=ScriptedPerson)
    options: Sequence[str] = ()
    """Arguments of every run, before its own."""
    has_person: bool = True

    def configure(self, toml: str) -> None:
        """Write the configuration file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.toml").write_text(toml, "utf-8")

    def role(self, name: str, text: str) -> None:
        """Write the file of a role."""
        (self.folder / "roles").mkdir(parents=True, exist_ok=True)
        (self.folder / "roles" / f"{name}.md").write_text(text, "utf-8")

    @asynccontextmanager
    async def opened(self, arguments: Sequence[str]) -> AsyncIterator[Program]:
        """Wire the program by a command line, and close it at the end."""
        environment = {"CHATREPL_HOME": str(self.folder), **self.environment}
        options = parse_options([*self.options, *arguments])
        program = wire(options, environment, self.person if self.has_person else None)
        try:
            yield program
        finally:
            await program.close()

    def talk(self, arguments: Sequence[str], *lines: str) -> list[Event]:
        """Run the program in an event loop of its own: start, handle the lines, close."""
        return asyncio.run(self._talk(arguments, lines))

    async def _talk(self, arguments: Sequence[str], lines: Sequence[str]) -> list[Event]:
        async with self.opened(arguments) as program:
            started = await collect(program.open_session())
            return started + await say(program.session, *lines)

    def offered(self, arguments: Sequence[str], line: str) -> list[str]:
        """Return the completions of a line that was begun."""
        return asyncio.run(self._offered(arguments, line))

    async def _offered(self, arguments: Sequence[str], line: str) -> list[str]:
        async with self.opened(arguments) as program:
            return [suggestion.text for suggestion in complete(program.session, line)]
