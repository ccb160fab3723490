"""A wired program: its session, how a run opens it, and how it is closed."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chatrepl.cli.arguments import Options
from chatrepl.cli.process import print_line
from chatrepl.core.commands.command import with_notices
from chatrepl.core.commands.handlers.files import attach_all
from chatrepl.core.commands.handlers.inspect import describe_log
from chatrepl.core.commands.handlers.roles import use_role
from chatrepl.core.commands.handlers.sessions import choose_at_start
from chatrepl.core.errors import ChatreplError, unexpected
from chatrepl.core.events import Event, Level, Notice
from chatrepl.core.session import Session
from chatrepl.core.sessions.library import unsaved
from chatrepl.services.system.shell import SystemShell

if TYPE_CHECKING:
    from chatrepl.terminal.plain.dumb_terminal import DumbTerminal
    from chatrepl.terminal.prompt.prompt import LivePrompt


class TerminalPerson:
    """The ``Person`` port over a terminal; without one the answer is no."""

    def __init__(self, *, has_input_line: bool = False) -> None:
        self.has_input_line = has_input_line
        self.terminal: LivePrompt | DumbTerminal | None = None

    async def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask yes or no."""
        if self.terminal is None:
            return False
        return await self.terminal.confirm(question, default=default)

    async def ask_text(self, question: str, *, secret: bool = False) -> str | None:
        """Ask for a line of text; None: cancelled, or there is no terminal."""
        if self.terminal is None:
            return None
        return await self.terminal.ask_text(question, secret=secret)


@dataclass(frozen=True, slots=True)
class Program:
    """A wired session, with what the modes need besides it."""

    session: Session
    options: Options
    environment: Mapping[str, str]
    shell: SystemShell
    warnings: Sequence[str] = ()
    """Warnings about the configuration."""

    async def open_session(self) -> AsyncIterator[Event]:
        """Load the selected session, apply the role, attach files. Raises ``ChatreplError``."""
        session, options = self.session, self.options
        for warning in self.warnings:
            yield Notice(warning, Level.WARNING)
        if options.debug:
            yield describe_log(session.ports.debug_log)
        async for event in choose_at_start(session, options.choice):
            yield event
        if options.role:
            role_events = use_role(session, options.role, keeps_options=True)
            async for event in with_notices(session, role_events):
                yield event
        async for event in attach_all(session, options.file or ()):
            yield event

    async def close(self) -> None:
        """Save what is unsaved, then release everything."""
        ports = self.session.ports
        await _copy_unsaved(self.session)
        await ports.model.close()
        await ports.local.close()
        for store in (ports.store, self.session.disk_store):
            if store is not None:
                await store.close()


async def _copy_unsaved(session: Session) -> None:
    """Retry saving; if that fails, copy each unsaved session elsewhere and report its path."""
    if session.autosave.is_saved or await session.autosave.flush():
        return
    from chatrepl.core.transcript import to_json

    for transcript in unsaved(session):
        try:
            prefix = f"chatrepl-{transcript.record.id[:8]}-"
            path = await asyncio.to_thread(_write_copy, prefix, to_json(transcript))
        except OSError as error:
            outcome = f", nor copied: {error.strerror or error}"
        except Exception as error:  # noqa: BLE001 - one that fails must not cost the others
            cause = error if isinstance(error, ChatreplError) else unexpected(error)
            outcome = f", nor copied: {cause}"
        else:
            outcome = f"; a copy is {path} (/import reads it)"
        print_line(f"chatrepl: NOT SAVED{outcome}", to_stderr=True)


def _write_copy(prefix: str, text: str) -> str:
    """Write a private file with a unique name into the temporary folder; return its path."""
    descriptor, path = tempfile.mkstemp(prefix=prefix, suffix=".json")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        with suppress(OSError):
            Path(path).unlink()
        raise
    return path
