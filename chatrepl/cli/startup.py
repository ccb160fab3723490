"""What a run begins with: the session that is asked for, then the role."""

from collections.abc import AsyncIterator

from chatrepl.cli.wiring import Program
from chatrepl.core.commands.command import with_notices
from chatrepl.core.commands.handlers.files import attach_all
from chatrepl.core.commands.handlers.inspect import describe_log
from chatrepl.core.commands.handlers.roles import use_role
from chatrepl.core.commands.handlers.sessions import choose_at_start
from chatrepl.core.events import Event, Level, Notice

__all__ = ["begin"]


async def begin(program: Program) -> AsyncIterator[Event]:
    """Go on with the session that is asked for, and take the role; attach files.

    Raises ``ChatreplError``.
    """
    options = program.options
    for warning in program.warnings:
        yield Notice(warning, Level.WARNING)
    if options.debug:
        yield describe_log(program.session.ports.debug_log)
    async for event in choose_at_start(program.session, options.choice):
        yield event
    if options.role:
        role = use_role(program.session, options.role, keeps_options=True)
        async for event in with_notices(program.session, role):
            yield event
    async for event in attach_all(program.session, options.file or ()):
        yield event
