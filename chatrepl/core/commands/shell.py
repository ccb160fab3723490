"""``!command`` runs it in the shell; ``!!command`` also adds its output to the next message."""

from collections.abc import AsyncIterator

from chatrepl.core.commands.handlers.files import told
from chatrepl.core.conversation.attachments import text_attachment
from chatrepl.core.events import Event, Level, Notice
from chatrepl.core.session import Session

__all__ = ["run_in_shell"]


async def run_in_shell(
    session: Session, command: str, *, adds_output: bool
) -> AsyncIterator[Event]:
    """Run a command; say how it ended where that is not well. Raises ``UsageError``."""
    result = await session.ports.shell.run(command, capture=adds_output)
    if result.code < 0:
        yield Notice(f"ended by signal {-result.code}", Level.WARNING)
    elif result.code:
        yield Notice(f"exit code {result.code}", Level.WARNING)
    if not adds_output:
        return
    if not result.output.strip():
        yield Notice("it wrote nothing: nothing is added to the next message")
        return
    attachment = text_attachment(f"output of `{command}`", result.output)
    session.pending = [*session.pending, attachment]
    said = await told(session, attachment)
    hint = "goes with the next message; /file --clear takes it off"
    yield Notice(said, Level.SUCCESS, hint=hint)
